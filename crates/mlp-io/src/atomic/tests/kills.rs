//! A process that writes is killed at random moments.

use super::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::env;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// In the child: the file to write, again and again.
const PATH: &str = "MLP_IO_TEST_WRITE";
/// How many times to kill.
const KILLS: &str = "MLP_IO_TEST_KILLS";

/// Bytes of a content: several writes' worth.
const LENGTH: usize = 300_000;

/// The content numbered `generation`: the number in eight bytes, again and again.
fn content(generation: u64) -> Vec<u8> {
    generation.to_le_bytes().repeat(LENGTH / 8)
}

/// The generation that `bytes` are the whole content of.
fn generation(bytes: &[u8]) -> Option<u64> {
    let generation = u64::from_le_bytes(*bytes.first_chunk()?);
    (bytes == content(generation)).then_some(generation)
}

/// What the child does, for as long as it lives. As a test, nothing.
#[test]
fn write_generations_until_killed() {
    let Some(path) = env::var_os(PATH).map(PathBuf::from) else {
        return;
    };
    let first = fs::read(&path).map_or(0, |bytes| generation(&bytes).unwrap());
    let mut content_of_next = content(first + 1);
    for next in first + 2.. {
        write_atomically(&path, |file| {
            for part in content_of_next.chunks(LENGTH / 70) {
                file.write_all(part)?;
            }
            // In the middle of it, so that most of the time is spent in a write.
            content_of_next = content(next);
            Ok(())
        })
        .unwrap();
    }
}

fn start_child(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "atomic::tests::kills::write_generations_until_killed"])
        .env(PATH, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn after_a_kill_at_any_moment_the_old_or_the_new_content_is_there() {
    let kills = env::var(KILLS).map_or(50, |kills| kills.parse().expect("a number in MLP_IO_TEST_KILLS"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let (mut last, mut in_the_middle) = (0, 0);
    for kill in 0..kills {
        let mut child = start_child(&path);
        // Not before the child is at work: it has written something, which a reader finds whole all the time.
        let started = Instant::now();
        loop {
            let found = fs::read(&path).map_or(0, |bytes| generation(&bytes).expect("a whole content, while written"));
            if found > last {
                break;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "kill {kill}: the child writes nothing"
            );
            assert_eq!(child.try_wait().unwrap(), None, "kill {kill}: the child ended");
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(random.random_range(0..8_000)));
        child.kill().unwrap();
        child.wait().unwrap();

        let bytes = fs::read(&path).unwrap();
        let found = generation(&bytes).unwrap_or_else(|| panic!("kill {kill}: {} bytes, not whole", bytes.len()));
        assert!(found > last, "kill {kill}: generation {found} after {last}");
        last = found;
        for name in names(directory.path()).iter().filter(|name| *name != "model") {
            in_the_middle += 1;
            fs::remove_file(directory.path().join(name)).unwrap();
        }
    }
    // What fell into a write is seen by its temporary file. How often depends on the machine's other work.
    assert!(
        in_the_middle > 0,
        "none of {kills} kills fell into a write: nothing was tested"
    );
}
