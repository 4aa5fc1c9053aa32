//! A compiled set of facilities, used where its bytes lie: mapped or in memory, nothing of it is read in.

use super::table::Table;
use super::{Facility, Zone};
use crate::fault::Fault;
use geofence::{Atlas, AtlasError, FenceKey, Fences, Position};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Why bytes cannot be used as facilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// They are no atlas, of another version, cut off or damaged.
    #[error("not a usable atlas: {0}")]
    Atlas(AtlasError),
    /// The fences are good, and what should name their facilities is of another version or damaged.
    #[error("an atlas without a table of facilities that this release knows")]
    Table,
    /// A fence belongs to no facility or has a zone that is not known here.
    #[error("an atlas with a fence that no facility of it has, or of a zone that this release does not know")]
    Fence,
}

impl Unusable {
    /// As a fault of the file named `file`.
    #[must_use]
    pub fn fault(self, file: &str) -> Fault {
        let remedy = match self {
            Self::Atlas(AtlasError::Version { .. }) | Self::Table | Self::Fence => {
                "compile the facilities with this release: gatestamp facilities compile F -o OUT.atlas"
            }
            Self::Atlas(_) => "copy the atlas again, or compile it again: gatestamp facilities compile F -o OUT.atlas",
        };
        Fault { file: file.to_owned(), line: None, what: self.to_string(), remedy: remedy.to_owned() }
    }
}

/// Bytes that somebody keeps, in memory or mapped.
type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// All facilities of one atlas. Cloning it shares the bytes.
#[derive(Clone, Default)]
pub struct Facilities {
    bytes: Option<Bytes>,
    revision: u64,
    /// What events have named so far; a truck stops at a few of its thousands of facilities.
    named: Vec<OnceLock<Box<Facility>>>,
}

impl Facilities {
    /// Takes `bytes`, the whole file, for a compiled set. Reads headers alone;
    /// [`Facilities::verify`] reads the rest.
    ///
    /// # Errors
    /// Why these bytes are no such file.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Unusable> {
        let atlas = Atlas::open(bytes.as_ref()).map_err(Unusable::Atlas)?;
        let count = Table::open(atlas.payload()).ok_or(Unusable::Table)?.len();
        let revision = atlas.revision();
        Ok(Self { revision, named: vec![OnceLock::new(); count], bytes: Some(Arc::new(bytes)) })
    }

    /// Reads `bytes`, the whole file, once: checksums, the facility and zone of every fence, every name.
    ///
    /// # Errors
    /// The first thing that is not as it was written.
    pub fn verify(bytes: &[u8]) -> Result<(), Unusable> {
        let atlas = Atlas::open(bytes).map_err(Unusable::Atlas)?;
        atlas.verify().map_err(Unusable::Atlas)?;
        let table = Table::open(atlas.payload()).ok_or(Unusable::Table)?;
        if !(0..table.len()).all(|number| table.facility(number).is_some()) {
            return Err(Unusable::Table);
        }
        let owned = |index| owner(&atlas, index).is_some_and(|n| n < table.len()) && zone(&atlas, index).is_some();
        (0..atlas.len()).all(owned).then_some(()).ok_or(Unusable::Fence)
    }

    /// The facility of fence `index` and the fence's role in it.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<(&Facility, Zone)> {
        let atlas = self.atlas()?;
        let (number, zone) = (owner(&atlas, index)?, zone(&atlas, index)?);
        self.facility(number).map(|facility| (facility, zone))
    }

    /// How many facilities there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.named.len()
    }

    /// Facility `number`, in the order of their ids; `None` beyond the end.
    #[must_use]
    pub fn facility(&self, number: usize) -> Option<&Facility> {
        let place = self.named.get(number)?;
        if place.get().is_none() {
            let facility = Table::open(self.atlas()?.payload())?.facility(number)?;
            // Somebody else may have been faster, with the same.
            let _ = place.set(Box::new(facility));
        }
        place.get().map(Box::as_ref)
    }

    /// Length of the compiled set in bytes, 0 for none.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().map(AsRef::as_ref).unwrap_or_default()
    }

    /// The view of the fences: its header was good when this was made, and taking it again costs less than a query.
    fn atlas(&self) -> Option<Atlas<'_>> {
        Atlas::open(self.bytes()).ok()
    }
}

fn owner(atlas: &Atlas<'_>, index: usize) -> Option<usize> {
    atlas.owner(index).and_then(|number| usize::try_from(number).ok())
}

fn zone(atlas: &Atlas<'_>, index: usize) -> Option<Zone> {
    Zone::ALL.get(usize::from(atlas.zone(index)?)).copied()
}

impl PartialEq for Facilities {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Facilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = format_args!("{:016x}", self.revision);
        f.debug_struct("Facilities").field("revision", &revision).field("facilities", &self.count()).finish()
    }
}

impl Fences for Facilities {
    fn len(&self) -> usize {
        self.atlas().map_or(0, |atlas| atlas.len())
    }

    fn key(&self, index: usize) -> Option<FenceKey> {
        self.atlas()?.key(index)
    }

    fn find(&self, key: FenceKey) -> Option<usize> {
        self.atlas()?.find(key)
    }

    fn signed_distance_m(&self, index: usize, position: Position) -> Option<f64> {
        self.atlas()?.signed_distance_m(index, position)
    }

    fn depth_m(&self, index: usize) -> Option<f64> {
        self.atlas()?.depth_m(index)
    }

    fn around(&self, position: Position, within_m: f64, visit: &mut dyn FnMut(usize)) {
        if let Some(atlas) = self.atlas() {
            atlas.around(position, within_m, visit);
        }
    }

    fn clearance_m(&self, position: Position) -> f64 {
        self.atlas().map_or(0.0, |atlas| atlas.clearance_m(position))
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}
