//! What the parent hands to its children: outlines, trace and atlas as files in one folder.

use crate::workload::{Place, Rings};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

pub(crate) struct Files {
    pub(crate) outlines: PathBuf,
    pub(crate) trace: PathBuf,
    pub(crate) atlas: PathBuf,
}

impl Files {
    pub(crate) fn new(folder: &Path, count: usize) -> Self {
        let named = |what: &str| folder.join(format!("{what}-{count}"));
        Self { outlines: named("outlines"), trace: named("trace"), atlas: named("atlas") }
    }

    pub(crate) fn write(&self, outlines: &[Rings], trace: &[Place], atlas: &[u8]) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&self.outlines)?);
        for rings in outlines {
            out.write_all(&[u8::try_from(rings.len()).unwrap_or(u8::MAX)])?;
            for ring in rings {
                out.write_all(&u32::try_from(ring.len()).unwrap_or(u32::MAX).to_le_bytes())?;
                write_places(&mut out, ring)?;
            }
        }
        out.flush()?;
        let mut out = BufWriter::new(File::create(&self.trace)?);
        write_places(&mut out, trace)?;
        out.flush()?;
        std::fs::write(&self.atlas, atlas)
    }

    /// The outlines one after the other, so that reading them leaves nothing behind in memory.
    pub(crate) fn outlines(&self) -> impl Iterator<Item = Rings> {
        let mut input = BufReader::new(File::open(&self.outlines).expect("the parent wrote it"));
        std::iter::from_fn(move || {
            let rings = read::<1>(&mut input)?[0];
            let ring = |input: &mut BufReader<File>| {
                let mut bytes = vec![0; u32::from_le_bytes(read(input)?) as usize * 16];
                input.read_exact(&mut bytes).ok().map(|()| places(&bytes))
            };
            (0..rings).map(|_| ring(&mut input)).collect()
        })
    }

    pub(crate) fn trace(&self) -> Vec<Place> {
        places(&std::fs::read(&self.trace).expect("the parent wrote it"))
    }
}

fn write_places(out: &mut impl Write, places: &[Place]) -> io::Result<()> {
    for (lon, lat) in places {
        out.write_all(&lon.to_le_bytes())?;
        out.write_all(&lat.to_le_bytes())?;
    }
    Ok(())
}

fn read<const N: usize>(input: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).ok().map(|()| bytes)
}

fn places(bytes: &[u8]) -> Vec<Place> {
    bytes
        .as_chunks::<8>()
        .0
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&[x, y]| (f64::from_le_bytes(x), f64::from_le_bytes(y)))
        .collect()
}
