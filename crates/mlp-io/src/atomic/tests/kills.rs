//! Kills a writing process at random moments.

use super::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::env;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The variable that tells the child process which file to write, again and again.
const PATH: &str = "MLP_IO_TEST_WRITE";
/// The variable that sets how many times to kill.
const KILLS: &str = "MLP_IO_TEST_KILLS";

/// The number of bytes of one content. It takes several writes.
const LENGTH: usize = 300_000;

/// Returns the content numbered `generation`: the number in eight bytes, again and again.
fn content(generation: u64) -> Vec<u8> {
    generation.to_le_bytes().repeat(LENGTH / 8)
}

/// Returns the generation whose whole content `bytes` is, if it is one.
fn generation(bytes: &[u8]) -> Option<u64> {
    let generation = u64::from_le_bytes(*bytes.first_chunk()?);
    (bytes == content(generation)).then_some(generation)
}

/// The work of the child process until it is killed. As an ordinary test, it does nothing.
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
            // The next content is made during the write, so that the process spends most of its time in a write.
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
    let kills = env::var(KILLS).map_or(50, |kills| kills.parse().expect("MLP_IO_TEST_KILLS must be a number"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let (mut last, mut in_the_middle) = (0, 0);
    for kill in 0..kills {
        let mut child = start_child(&path);
        // The kill waits until the child has written something. A reader must find the file whole all the time.
        let started = Instant::now();
        loop {
            let found = fs::read(&path).map_or(0, |bytes| generation(&bytes).expect("the content is whole"));
            if found > last {
                break;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "kill {kill}: the child wrote nothing within a minute"
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
    // A kill during a write leaves a temporary file. How often this happens depends on the load of the machine.
    assert!(
        in_the_middle > 0,
        "none of {kills} kills happened during a write, so nothing was tested"
    );
}
