//! Where did these vehicles really stop, and when did they cross the boundaries laid around those places?
//!
//! **How the stops were found.** By a script that shares no code with this repository: a stop is a run of epochs with Doppler speed
//! below 0.5 m/s for 40 s or more (35 s at the second visit to a place and in the case of bad reception), with positions that stay
//! within 9 m. From those the ones were taken which the vehicle reaches and leaves at 6 m/s or more; the exceptions say so.
//!
//! **How the crossings were timed.** The reference track is cut with the boundary in a local plane, x = R cos(lat0) dlon,
//! y = R dlat, R = 6,371,008.8 m. Between the last reference position before and the first one after the crossing the vehicle is taken
//! to run straight and evenly: t = t1 + u (t2 - t1), where P1 + u (P2 - P1) lies on the boundary. No filter, no smoothing.
//!
//! | drive | reference track | trust |
//! |---|---|---|
//! | google-mtv-2020 | NovAtel SPAN, post-processed, read from its GGA; the receiver under test is another one, 0.5 m off (median) | truth: 2 s |
//! | munich-2009 | the receiver's own positions as gpsd reports them; HDOP 1.4 to 4 at the stops, and the Doppler speed is 3 % (median) to 10 % (P90) below what the positions run, so that whatever trusts Doppler lags by up to 30 m | 5 s |
//! | kolomna-2017 | the receiver's own positions as gpsd reports them; HDOP 0.5, single steps of 5 to 10 m | 3 s |
//!
//! The facilities were laid by hand around those stops, on roads and car parks; the vehicle crosses a boundary only where it is listed.

use serde_json::{Value, json};

use super::shelf::{Drive, GOOGLE, KOLOMNA, MUNICH, SILVRETTA};

/// What a visit is to look like in the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Driven in, stood, driven out: arrived and departed.
    Stay,
    /// Driven through without a stop: passed.
    Pass,
    /// As `Pass`, but of hardly 3 s, which a detector may leave out.
    Glimpse,
    /// The recording begins inside: arrived (method `first_inside`) at the first fix, departed.
    FromTheStart,
    /// The recording ends inside: arrived, not departed.
    ToTheEnd,
    /// The receiver is carried out at walking pace (1.1 m/s), which is no truck: the departure may be missing.
    CarriedOut,
}

/// One visit: when the reference track crosses the boundary inwards and outwards, UTC, and by how much a stamp may differ.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) kind: Kind,
    pub(super) enter: &'static str,
    /// Empty where the recording ends inside.
    pub(super) leave: &'static str,
    pub(super) enter_within_s: f64,
    pub(super) leave_within_s: f64,
}

const fn visit(kind: Kind, enter: &'static str, leave: &'static str, within_s: f64) -> Visit {
    Visit { kind, enter, leave, enter_within_s: within_s, leave_within_s: within_s }
}

#[derive(Debug)]
enum Shape {
    /// Latitude, longitude, radius in metres.
    Circle(f64, f64, f64),
    /// Corners (latitude, longitude), counterclockwise, not closed.
    Ring(&'static [(f64, f64)]),
}

/// A facility and all that happened there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: &'static str,
    shape: Shape,
    pub(super) visits: &'static [Visit],
}

/// A drive and the facilities laid along it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) drive: Drive,
    zone: &'static str,
    pub(super) places: &'static [Place],
}

pub(super) const MOUNTAIN_VIEW: Scene = Scene {
    drive: GOOGLE,
    zone: "America/Los_Angeles",
    places: &[
        // Standing here for 121 s when the recording begins and for 41 s when it ends, 100 m from the boundary.
        Place {
            id: "mtv-lot",
            shape: Shape::Circle(37.426_395, -122.093_645, 100.0),
            visits: &[
                visit(Kind::FromTheStart, "02:14:17.000", "02:20:29.526", 2.0),
                visit(Kind::ToTheEnd, "02:39:42.263", "", 2.0),
            ],
        },
        // Stop of 89 s, 59 m from the boundary; on the way back driven through at 14 m/s.
        Place {
            id: "mtv-avenue",
            shape: Shape::Ring(&[
                (37.423_409, -122.090_932),
                (37.423_409, -122.089_857),
                (37.423_634, -122.089_574),
                (37.424_489, -122.089_574),
                (37.424_489, -122.090_649),
                (37.424_264, -122.090_932),
            ]),
            visits: &[
                visit(Kind::Stay, "02:21:03.763", "02:22:52.003", 2.0),
                visit(Kind::Pass, "02:39:11.726", "02:39:21.076", 2.0),
            ],
        },
        // Two stops of 51 and 36 s in two lanes of one junction, 71 and 64 m from the boundary.
        Place {
            id: "mtv-junction",
            shape: Shape::Circle(37.421_567, -122.088_550, 90.0),
            visits: &[
                visit(Kind::Stay, "02:23:01.822", "02:24:16.225", 2.0),
                visit(Kind::Stay, "02:38:02.914", "02:39:01.894", 2.0),
            ],
        },
        // First driven through at 15 m/s, then a stop of 50 s, 60 m from the boundary.
        Place {
            id: "mtv-north",
            shape: Shape::Circle(37.423_764, -122.078_074, 60.0),
            visits: &[
                visit(Kind::Pass, "02:26:31.518", "02:26:39.487", 2.0),
                visit(Kind::Stay, "02:29:53.862", "02:31:04.393", 2.0),
            ],
        },
        // Never entered: the road runs by 25 m outside.
        Place { id: "mtv-beside", shape: Shape::Circle(37.425_617, -122.091_675, 60.0), visits: &[] },
    ],
};

pub(super) const MUNICH_CITY: Scene = Scene {
    drive: MUNICH,
    zone: "Europe/Berlin",
    places: &[
        // Stop of 41 s, 72 m from the boundary.
        Place {
            id: "muc-first",
            shape: Shape::Circle(48.170_490, 11.564_385, 80.0),
            visits: &[visit(Kind::Stay, "12:44:12.158", "12:45:10.086", 5.0)],
        },
        // Stop of 48 s, 60 m from the boundary, then half a minute at walking pace, turning; the position jumps by 13 and 17 m.
        Place {
            id: "muc-corner",
            shape: Shape::Ring(&[
                (48.147_111, 11.557_849),
                (48.147_111, 11.559_197),
                (48.147_380, 11.559_602),
                (48.148_550, 11.559_602),
                (48.148_550, 11.558_254),
                (48.148_280, 11.557_849),
            ]),
            visits: &[visit(Kind::Stay, "12:52:20.774", "12:54:03.228", 5.0)],
        },
        // Stops of 41 s and, 83 m further on and still inside, of 10 s; 39 m from the boundary.
        Place {
            id: "muc-lights",
            shape: Shape::Ring(&[
                (48.144_980, 11.576_494),
                (48.144_980, 11.579_594),
                (48.145_880, 11.579_594),
                (48.145_880, 11.576_494),
            ]),
            visits: &[visit(Kind::Stay, "12:57:23.848", "12:58:45.356", 5.0)],
        },
        // Bad reception on purpose, hence 10 s: at 13:01:15 the position jumps by 92 m within the fence; stop of 35 s.
        Place {
            id: "muc-jump",
            shape: Shape::Ring(&[
                (48.160_687, 11.584_186),
                (48.160_687, 11.587_017),
                (48.161_947, 11.587_017),
                (48.161_947, 11.584_186),
            ]),
            visits: &[visit(Kind::Stay, "13:01:03.512", "13:02:07.121", 10.0)],
        },
        // Driven through at 13 m/s.
        Place {
            id: "muc-through",
            shape: Shape::Circle(48.171_647, 11.585_962, 100.0),
            visits: &[visit(Kind::Pass, "13:04:39.445", "13:04:55.042", 5.0)],
        },
        // Stops of 65 and 29 s, 60 m from the boundary; 9 s after leaving, the vehicle vanishes into a tunnel for 40 s.
        Place {
            id: "muc-east",
            shape: Shape::Ring(&[
                (48.176_658, 11.584_358),
                (48.176_658, 11.585_841),
                (48.176_928, 11.586_111),
                (48.178_097, 11.586_111),
                (48.178_097, 11.584_628),
                (48.177_917, 11.584_358),
            ]),
            visits: &[visit(Kind::Stay, "13:05:55.725", "13:07:59.656", 5.0)],
        },
        // Never entered: the road runs by 40 m outside.
        Place { id: "muc-beside", shape: Shape::Circle(48.171_691, 11.587_309, 60.0), visits: &[] },
    ],
};

pub(super) const KOLOMNA_TOWN: Scene = Scene {
    drive: KOLOMNA,
    zone: "Europe/Moscow",
    places: &[
        // Stop of 97 s, 59 m from the boundary, reached at 4 to 8 m/s; then the receiver is taken out of the car and carried away.
        Place {
            id: "kol-park",
            shape: Shape::Circle(55.091_824, 38.916_971, 60.0),
            visits: &[Visit {
                kind: Kind::CarriedOut,
                enter: "11:13:10.666",
                leave: "11:16:28.004",
                enter_within_s: 5.0,
                leave_within_s: 10.0,
            }],
        },
        // Holds the car park and the walk. Ten minutes before, the car crosses it in 3.2 s, at 53 m/s and with steps of up to 84 m.
        Place {
            id: "kol-yard",
            shape: Shape::Ring(&[
                (55.089_666, 38.916_028),
                (55.089_666, 38.917_914),
                (55.091_194, 38.917_914),
                (55.091_554, 38.918_150),
                (55.092_813, 38.918_150),
                (55.092_813, 38.916_028),
            ]),
            visits: &[
                visit(Kind::Glimpse, "11:03:16.032", "11:03:19.228", 3.0),
                visit(Kind::ToTheEnd, "11:13:02.239", "", 3.0),
            ],
        },
        // Driven through at 19 m/s, twice.
        Place {
            id: "kol-through",
            shape: Shape::Circle(55.078_858, 38.903_304, 100.0),
            visits: &[visit(Kind::Pass, "11:09:00.028", "11:09:10.313", 3.0)],
        },
        Place {
            id: "kol-road",
            shape: Shape::Circle(55.082_565, 38.906_041, 100.0),
            visits: &[visit(Kind::Pass, "11:11:09.640", "11:11:20.566", 3.0)],
        },
        // Never entered: the road runs by 30 m outside.
        Place { id: "kol-beside", shape: Shape::Circle(55.078_523, 38.904_591, 60.0), visits: &[] },
    ],
};

/// Five kilometres around the place where the Silvretta drive claims to begin. Every RMC of it is void while every GGA claims a fix:
/// nothing may be believed, so nothing happens.
pub(super) const SILVRETTA_PASS: Scene = Scene {
    drive: SILVRETTA,
    zone: "Europe/Vienna",
    places: &[Place { id: "sil-claimed", shape: Shape::Circle(46.970, 10.056, 5_000.0), visits: &[] }],
};

impl Scene {
    /// The facilities as GeoJSON, the form in which a fleet would hand them over.
    pub(super) fn geojson(&self) -> String {
        let features: Vec<Value> = self.places.iter().map(|place| place.feature(self.zone)).collect();
        json!({"type": "FeatureCollection", "features": features}).to_string()
    }
}

impl Place {
    fn feature(&self, zone: &str) -> Value {
        let mut properties = json!({"id": self.id, "name": self.id, "tz": zone});
        let geometry = match self.shape {
            Shape::Circle(lat, lon, radius_m) => {
                properties["radius_m"] = json!(radius_m);
                json!({"type": "Point", "coordinates": [lon, lat]})
            }
            Shape::Ring(corners) => {
                let closed = corners.iter().chain(corners.first());
                let ring: Vec<[f64; 2]> = closed.map(|&(lat, lon)| [lon, lat]).collect();
                json!({"type": "Polygon", "coordinates": [ring]})
            }
        };
        json!({"type": "Feature", "properties": properties, "geometry": geometry})
    }
}
