//! A drawing of facilities: one panel each, its fences by zone, its neighbours pale, a scale bar.

use super::Zone;
use super::outline::{Extent, Outline, Plane, pairs};
use super::plan::{Fence, Plan};
use geofence::Position;
use std::fmt::Write;

/// Panels that one drawing holds.
pub const PANELS_MAX: usize = 400;
/// Pixels of a panel's side, its heading above it, and the margin around its fences.
const PANEL: f64 = 260.0;
const HEADING: f64 = 34.0;
const MARGIN: f64 = 18.0;
/// Panels in a row.
const COLUMNS: usize = 4;
/// A facility smaller than this is drawn at the same scale as one of this size, metres.
const EXTENT_MIN_M: f64 = 20.0;

/// The facilities whose ids are in `only`, or all if that is empty, as an SVG document. At most [`PANELS_MAX`] are drawn.
#[must_use]
pub fn draw(plan: &Plan, only: &[String]) -> String {
    let chosen: Vec<usize> = (0..plan.sites.len())
        .filter(|n| only.is_empty() || plan.sites.get(*n).is_some_and(|site| only.contains(&site.id)))
        .take(PANELS_MAX)
        .collect();
    let rows = chosen.len().div_ceil(COLUMNS).max(1);
    let columns = chosen.len().clamp(1, COLUMNS);
    let (width, height) = (as_f64(columns) * PANEL, as_f64(rows) * (PANEL + HEADING));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (n, site) in chosen.into_iter().enumerate() {
        let (x, y) = (as_f64(n % COLUMNS) * PANEL, as_f64(n / COLUMNS) * (PANEL + HEADING));
        panel(plan, site, (x, y), &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

#[allow(clippy::cast_precision_loss, reason = "at most PANELS_MAX")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn colour(zone: Zone) -> &'static str {
    match zone {
        Zone::Approach => "#9e9e9e",
        Zone::Queue => "#f9a825",
        Zone::Site => "#1565c0",
        Zone::Gate => "#c62828",
        Zone::Yard => "#2e7d32",
        Zone::Dock => "#6a1b9a",
    }
}

/// Metres to pixels of one panel.
struct View {
    plane: Plane,
    middle: (f64, f64),
    pixels_per_m: f64,
    corner: (f64, f64),
}

impl View {
    fn pixel(&self, position: Position) -> (f64, f64) {
        let (east, north) = self.plane.metres(position);
        let half = PANEL / 2.0;
        (
            self.corner.0 + half + (east - self.middle.0) * self.pixels_per_m,
            self.corner.1 + HEADING + half - (north - self.middle.1) * self.pixels_per_m,
        )
    }
}

fn panel(plan: &Plan, site: usize, corner: (f64, f64), svg: &mut String) {
    let own: Vec<&Fence> = plan.fences.iter().filter(|fence| fence.site == site).collect();
    let Some((view, extent)) = view(&own, corner) else { return };
    let (x, y) = corner;
    let facility = plan.sites.get(site);
    let name = facility.and_then(|site| site.name.as_deref()).unwrap_or("");
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#555\">{}</text>",
        x + 6.0,
        y + 14.0,
        escaped(facility.map_or("", |site| &site.id)),
        x + 6.0,
        y + 28.0,
        escaped(name),
    );
    // A drawing in a drawing cuts off neighbours at the border of the panel.
    let (left, top) = (x + 2.0, y + HEADING);
    let side = PANEL - 4.0;
    let _ = writeln!(
        svg,
        "<svg x=\"{left}\" y=\"{top}\" width=\"{side}\" height=\"{side}\" viewBox=\"{left} {top} {side} {side}\">\
         <rect x=\"{left}\" y=\"{top}\" width=\"{side}\" height=\"{side}\" fill=\"#fafafa\" stroke=\"#ccc\"/>"
    );
    let meets = |fence: &&Fence| {
        let mut met = false;
        if let Some(other) = Extent::of(&fence.drawing.outline) {
            pairs(&[extent, other], |_, _| met = true);
        }
        met
    };
    for fence in plan.fences.iter().filter(|fence| fence.site != site).filter(meets) {
        shape(&fence.drawing.outline, &view, "#bbb", 0.15, svg);
    }
    for fence in own {
        shape(&fence.drawing.outline, &view, colour(fence.zone), 0.18, svg);
    }
    scale_bar(&view, svg);
    svg.push_str("</svg>\n");
}

/// The view that holds all `fences`.
fn view(fences: &[&Fence], corner: (f64, f64)) -> Option<(View, Extent)> {
    let origin = fences.first()?.drawing.outline.anchor()?;
    let plane = Plane::at(origin);
    let (mut west, mut east, mut south, mut north) =
        (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
    let mut extent: Option<Extent> = None;
    for fence in fences {
        let outline = &fence.drawing.outline;
        let around = if let Outline::Circle { radius_m, .. } = outline { *radius_m } else { 0.0 };
        for position in outline.rings().flatten().copied().chain(outline.anchor()) {
            let (e, n) = plane.metres(position);
            (west, east) = (west.min(e - around), east.max(e + around));
            (south, north) = (south.min(n - around), north.max(n + around));
        }
        extent = extent.or_else(|| Extent::of(outline));
    }
    let size = (east - west).max(north - south).max(EXTENT_MIN_M);
    let pixels_per_m = (PANEL - 2.0 * MARGIN) / size;
    let middle = ((west + east) / 2.0, (south + north) / 2.0);
    Some((View { plane, middle, pixels_per_m, corner }, extent?.widened(size, plane)))
}

fn shape(outline: &Outline, view: &View, colour: &str, opacity: f64, svg: &mut String) {
    let style = format!("fill=\"{colour}\" fill-opacity=\"{opacity}\" stroke=\"{colour}\" stroke-width=\"1.2\"");
    let _ = match outline {
        Outline::Circle { centre, radius_m } => {
            let (x, y) = view.pixel(*centre);
            let r = radius_m * view.pixels_per_m;
            writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" {style}/>")
        }
        Outline::Polygon { .. } => {
            let mut path = String::new();
            for ring in outline.rings() {
                for (n, vertex) in ring.iter().enumerate() {
                    let (x, y) = view.pixel(*vertex);
                    let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { "M" } else { "L" });
                }
                path.push('Z');
            }
            writeln!(svg, "<path d=\"{path}\" fill-rule=\"evenodd\" {style}/>")
        }
    };
}

/// A bar of 1, 2 or 5 times a power of ten metres, at most a third of the panel.
fn scale_bar(view: &View, svg: &mut String) {
    let most_m = PANEL / 3.0 / view.pixels_per_m;
    let power = libm::pow(10.0, most_m.log10().floor());
    let metres = [5.0, 2.0, 1.0].into_iter().map(|n| n * power).find(|m| *m <= most_m).unwrap_or(power);
    let label = if metres >= 1_000.0 { format!("{} km", metres / 1_000.0) } else { format!("{metres} m") };
    let (x, y) = (view.corner.0 + 10.0, view.corner.1 + HEADING + PANEL - 14.0);
    let end = x + metres * view.pixels_per_m;
    let _ = writeln!(
        svg,
        "<path d=\"M{x:.1} {top:.1}V{y:.1}H{end:.1}V{top:.1}\" fill=\"none\" stroke=\"#000\"/>\
         <text x=\"{:.1}\" y=\"{y:.1}\">{label}</text>",
        end + 5.0,
        top = y - 4.0,
    );
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}
