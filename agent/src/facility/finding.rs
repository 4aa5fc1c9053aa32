//! What is wrong, or looks wrong, in a facility file: for people one line, for programs one JSON object.

use crate::fault::Fault;
use geofence::Position;
use serde::Serialize;
use std::fmt;

/// Whether a file with this finding is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The whole file is refused.
    Error,
    /// The file is used; somebody should look.
    Warning,
}

/// Where in a geometry. Everything is counted from 1, in the order of the file; 0 where it does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which polygon of a MultiPolygon; 1 for a Polygon.
    pub polygon: u32,
    /// Which ring of it: 1 is the outer one.
    pub ring: u32,
    /// Which position of the ring; an edge is named by the position it begins at.
    pub vertex: u32,
    /// Absent where the coordinates are no place on earth.
    pub position: Option<Position>,
}

impl Place {
    /// A place that is no vertex.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self { polygon: 0, ring: 0, vertex: 0, position: Some(position) }
    }

    /// A vertex.
    #[must_use]
    pub fn vertex(polygon: usize, ring: usize, vertex: usize, position: Option<Position>) -> Self {
        let [polygon, ring, vertex] = [polygon, ring, vertex].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Self { polygon, ring, vertex, position }
    }
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (key, number) in [("polygon", self.polygon), ("ring", self.ring), ("vertex", self.vertex)] {
            if number > 0 {
                map.serialize_entry(key, &number)?;
            }
        }
        if let Some(position) = self.position {
            map.serialize_entry("lat", &position.lat())?;
            map.serialize_entry("lon", &position.lon())?;
        }
        map.end()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The polygon only where there are several: most people draw one.
        let polygon = Some(self.polygon).filter(|n| *n > 1).map(|n| format!("polygon {n}"));
        let ring = Some(self.ring).filter(|n| *n > 0).map(|n| format!("ring {n}"));
        let vertex = Some(self.vertex).filter(|n| *n > 0).map(|n| format!("vertex {n}"));
        let named: Vec<String> = [polygon, ring, vertex].into_iter().flatten().collect();
        write!(f, "{}", named.join(", "))?;
        if let Some(position) = self.position {
            let before = if named.is_empty() { "" } else { " " };
            write!(f, "{before}(lat {}, lon {})", position.lat(), position.lon())?;
        }
        Ok(())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// One word that stays the same from release to release, for filters.
    pub rule: &'static str,
    /// The line of the feature, counted from 1; `None` where the file as a whole is meant.
    pub line: Option<usize>,
    /// The facility that the feature belongs to, where that can be told.
    pub facility: Option<String>,
    /// Id of the feature; equal to the facility's for its site.
    pub feature: Option<String>,
    /// Where in the geometry.
    #[serde(rename = "where")]
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    /// As a fault of the file named `file`.
    #[must_use]
    pub fn fault(&self, file: &str) -> Fault {
        let who = match (&self.feature, &self.facility) {
            (Some(feature), Some(facility)) if feature != facility => {
                format!("facility \"{facility}\", fence \"{feature}\": ")
            }
            (Some(id), _) | (None, Some(id)) => format!("facility \"{id}\": "),
            (None, None) => String::new(),
        };
        Fault {
            file: file.to_owned(),
            line: self.line,
            what: format!("{who}{}{}", self.located(), self.what),
            remedy: self.remedy.to_owned(),
        }
    }

    /// The place with a colon, or nothing.
    fn located(&self) -> String {
        self.place.map(|place| format!("{place}: ")).unwrap_or_default()
    }
}

impl fmt::Display for Finding {
    /// One line, without the facility: findings are shown grouped by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity} [{}]", self.rule)?;
        if let Some(feature) = self.feature.as_ref().filter(|_| self.feature != self.facility) {
            write!(f, " fence \"{feature}\"")?;
        }
        write!(f, " {}{}; remedy: {}", self.located(), self.what, self.remedy)
    }
}
