//! Hashes by which fences, facilities and whole files are known again: the keys of the tracker's state, the revision in
//! events, the revision in the head of a recording. What they cover is for good: stored state depends on it.

use super::plan::{Fence, Plan};
use geofence::FenceKey;
use sha2::{Digest, Sha256};

/// The hashes of one plan.
pub(super) struct Identity {
    /// Indices of the plan's fences, in ascending order of their keys.
    pub(super) order: Vec<(FenceKey, usize)>,
    /// Of the geometry of all fences of each facility.
    pub(super) facilities: Vec<u64>,
    /// Of all fences.
    pub(super) revision: u64,
}

impl Identity {
    pub(super) fn of(plan: &Plan) -> Self {
        let keys = plan.fences.iter().enumerate().map(|(index, fence)| (key(plan, fence), index));
        let mut order: Vec<(FenceKey, usize)> = keys.collect();
        order.sort();
        // By facility and then by key: one hasher at a time.
        let in_order = order.iter().filter_map(|&(_, index)| plan.fences.get(index));
        let mut by_site: Vec<&Fence> = in_order.collect();
        by_site.sort_by_key(|fence| fence.site);
        let mut facilities = vec![0; plan.sites.len()];
        for fences in by_site.chunk_by(|a, b| a.site == b.site) {
            let mut hasher = Sha256::new();
            for fence in fences {
                hasher.update(fence.zone.name());
                fence.drawing.outline.hash(&mut hasher);
            }
            let revision = fences.first().and_then(|fence| facilities.get_mut(fence.site));
            revision.into_iter().for_each(|revision| *revision = first_u64(hasher.clone()));
        }
        let mut hasher = Sha256::new();
        for (key, _) in &order {
            hasher.update(key.0.to_le_bytes());
        }
        Self { order, facilities, revision: first_u64(hasher) }
    }
}

fn key(plan: &Plan, fence: &Fence) -> FenceKey {
    let mut hasher = Sha256::new();
    let facility = plan.site(fence).map_or("", |site| site.id.as_str());
    for part in [facility, fence.zone.name(), &fence.id] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    fence.drawing.outline.hash(&mut hasher);
    FenceKey(first_u64(hasher))
}

fn first_u64(hasher: Sha256) -> u64 {
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// A revision as events have it.
pub(super) fn hex(revision: u64) -> String {
    format!("{revision:016x}")
}
