//! A drawing surface that writes SVG: readable on a light and on a dark page, in any viewer.
//!
//! Colours are classes with a second value for dark pages; the surface has its own background, because the page around it may be of
//! the other kind than the viewer says.

use std::fmt::Write as _;

/// What a colour means, as it is on a light page, as it is on a dark one.
const COLOURS: [(&str, &str, &str); 17] = [
    ("paper", "#ffffff", "#0d1117"),
    ("ink", "#1f2328", "#e6edf3"),
    ("muted", "#59636e", "#9198a1"),
    ("grid", "#dde2e7", "#2a3038"),
    ("ours", "#1d4ed8", "#6ea8fe"),
    ("truth", "#15803d", "#4ade80"),
    ("fix", "#c2410c", "#fb923c"),
    ("fence", "#7e22ce", "#c084fc"),
    ("rule0", "#c2410c", "#fb923c"),
    ("rule1", "#15803d", "#4ade80"),
    ("rule2", "#7e22ce", "#c084fc"),
    ("rule3", "#b91c1c", "#f87171"),
    ("rule4", "#0e7490", "#22d3ee"),
    ("rule5", "#a16207", "#facc15"),
    ("rule6", "#64748b", "#94a3b8"),
    ("mild", "#15803d", "#4ade80"),
    ("harsh", "#b91c1c", "#f87171"),
];

/// Pixels from the left and from the top.
pub(super) type Spot = (f64, f64);

/// Where a text is held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) colour: &'static str,
    pub(super) width: f64,
    /// `stroke-dasharray`; empty for none.
    pub(super) dash: &'static str,
    pub(super) opacity: f64,
}

impl Pen {
    pub(super) const fn new(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dash: "", opacity: 1.0 }
    }

    pub(super) const fn dashed(self, dash: &'static str) -> Self {
        Self { dash, ..self }
    }

    pub(super) const fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    fn attributes(self) -> String {
        let mut out = format!(r#"class="l {}s" stroke-width="{}""#, self.colour, short(self.width));
        if !self.dash.is_empty() {
            let _ = write!(out, r#" stroke-dasharray="{}""#, self.dash);
        }
        if self.opacity < 1.0 {
            let _ = write!(out, r#" stroke-opacity="{}""#, short(self.opacity));
        }
        out
    }
}

/// A picture in the making.
pub(super) struct Canvas {
    title: String,
    size: Spot,
    body: String,
}

impl Canvas {
    pub(super) fn new(title: &str, width: f64, height: f64) -> Self {
        Self { title: escape(title), size: (width, height), body: String::new() }
    }

    pub(super) fn line(&mut self, pen: Pen, from: Spot, to: Spot) {
        self.path(pen, &[from, to], false);
    }

    /// Straight lines through all points.
    pub(super) fn path(&mut self, pen: Pen, points: &[Spot], closed: bool) {
        if points.len() > 1 {
            let data = data(points, closed);
            let _ = writeln!(self.body, r#"<path {} d="{data}"/>"#, pen.attributes());
        }
    }

    /// The area within these rings, holes spared.
    pub(super) fn area(&mut self, colour: &str, opacity: f64, rings: &[Vec<Spot>]) {
        let data: String = rings.iter().map(|ring| data(ring, true)).collect();
        let opacity = short(opacity);
        let _ =
            writeln!(self.body, r#"<path class="{colour}" fill-opacity="{opacity}" fill-rule="evenodd" d="{data}"/>"#);
    }

    /// Dots of one size, as one element.
    pub(super) fn dots(&mut self, colour: &str, opacity: f64, diameter: f64, centres: &[Spot]) {
        let data = centres.iter().fold(String::new(), |mut data, (x, y)| {
            let _ = write!(data, "M{} {}h0", short(*x), short(*y));
            data
        });
        let (opacity, diameter) = (short(opacity), short(diameter));
        let _ = writeln!(
            self.body,
            r#"<path class="l {colour}s" stroke-linecap="round" stroke-opacity="{opacity}" stroke-width="{diameter}" d="{data}"/>"#
        );
    }

    pub(super) fn ring(&mut self, pen: Pen, centre: Spot, radius: f64) {
        let (x, y, r) = (short(centre.0), short(centre.1), short(radius));
        let _ = writeln!(self.body, r#"<circle {} cx="{x}" cy="{y}" r="{r}"/>"#, pen.attributes());
    }

    /// Text with a rim of the background, so that it can be read on top of lines.
    pub(super) fn text(&mut self, colour: &str, size: f64, at: Spot, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (short(at.0), short(at.1), escape(text));
        let size = short(size);
        let _ = writeln!(
            self.body,
            r#"<text class="t {colour}" font-size="{size}" text-anchor="{anchor}" x="{x}" y="{y}">{text}</text>"#
        );
    }

    /// What follows until [`Canvas::unclip`] is cut off at this rectangle.
    pub(super) fn clip(&mut self, corner: Spot, size: Spot) {
        let (x, y, w, h) = (short(corner.0), short(corner.1), short(size.0), short(size.1));
        let _ = writeln!(
            self.body,
            r##"<clipPath id="c"><rect x="{x}" y="{y}" width="{w}" height="{h}"/></clipPath><g clip-path="url(#c)">"##
        );
    }

    pub(super) fn unclip(&mut self) {
        self.body.push_str("</g>\n");
    }

    pub(super) fn finish(self) -> String {
        let (width, height) = (short(self.size.0), short(self.size.1));
        let Self { title, body, .. } = self;
        let font = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"{font}\" role=\"img\">\n<title>{title}</title>\n<style>{}</style>\n\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n",
            style()
        )
    }
}

fn style() -> String {
    let rules = |dark: bool| {
        COLOURS.iter().fold(String::new(), |mut out, (name, light, night)| {
            let colour = if dark { night } else { light };
            let _ = write!(out, ".{name}{{fill:{colour}}}.{name}s{{stroke:{colour}}}");
            out
        })
    };
    let paper = |dark: bool| COLOURS.first().map_or("", |(_, light, night)| if dark { night } else { light });
    let rim =
        |dark: bool| format!(".t{{stroke:{};stroke-width:3px;paint-order:stroke;stroke-linejoin:round}}", paper(dark));
    format!(
        ".l{{fill:none;stroke-linejoin:round}}{}{}@media (prefers-color-scheme:dark){{{}{}}}",
        rules(false),
        rim(false),
        rules(true),
        rim(true)
    )
}

fn data(points: &[Spot], closed: bool) -> String {
    let mut data = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(data, "{}{} {}", if index == 0 { "M" } else { "L" }, short(*x), short(*y));
    }
    if closed {
        data.push('Z');
    }
    data
}

/// A tenth of a pixel is enough; a hundredth for what is below one.
fn short(value: f64) -> String {
    let text = if value.abs() < 1.0 { format!("{value:.2}") } else { format!("{value:.1}") };
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([100.0, 12.34, 0.126, -0.001, 5.0, -3.06].map(short), ["100", "12.3", "0.13", "0", "5", "-3.1"]);
    }

    #[test]
    fn text_cannot_break_the_picture() {
        let mut canvas = Canvas::new("a < b", 10.0, 10.0);
        canvas.text("ink", 12.0, (1.0, 2.0), Anchor::Middle, "R&D <gate>");
        let svg = canvas.finish();
        assert!(svg.contains("<title>a &lt; b</title>") && svg.contains(">R&amp;D &lt;gate&gt;</text>"));
    }

    #[test]
    fn every_colour_is_there_for_light_and_dark() {
        let style = style();
        let (light, dark) = style.split_once("@media").unwrap();
        for (name, day, night) in COLOURS {
            assert!(
                light.contains(&format!(".{name}{{fill:{day}}}")) && dark.contains(&format!(".{name}{{fill:{night}}}"))
            );
        }
    }

    #[test]
    fn dots_are_one_element_and_single_points_no_line() {
        let mut canvas = Canvas::new("", 10.0, 10.0);
        canvas.dots("fix", 0.5, 2.0, &[(1.0, 2.0), (3.0, 4.0)]);
        canvas.path(Pen::new("ink", 1.0), &[(1.0, 1.0)], false);
        assert!(canvas.body.contains("M1 2h0M3 4h0") && canvas.body.lines().count() == 1);
    }
}
