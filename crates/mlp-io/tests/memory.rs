//! Checks the documented limit on memory: loading takes at most twice the file's bytes and 1 MiB, whatever the file
//! contains. This is a test binary of its own because it replaces the allocator.
#![allow(unsafe_code, reason = "a counting allocator")]

use flate2::Compression;
use flate2::write::DeflateEncoder;
use mlp_core::activations::{Elu, Identity};
use mlp_core::{
    ActivationKind, Adam, Classes, Dense, EarlyStopping, FitOptions, HalfMse, Mlp, Model, Samples, Scaling,
    ScalingKind, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{
    LoadErrorKind, Number, load_checkpoint, load_model, load_npz, load_pytorch, model_from_bytes, npz_to_bytes,
    save_checkpoint, save_model, save_npz,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::num::NonZero;
use std::path::Path;

/// The system's allocator, which also counts for each thread how many bytes it holds and the most it has held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// The largest allocation that succeeds.
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: every call is passed on unchanged to the system's allocator. Counting does not allocate: the counters are
// constant-initialized thread locals without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LIMIT.get() {
            return std::ptr::null_mut();
        }
        count(layout.size() as isize);
        // SAFETY: the caller upholds the system allocator's requirements.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the system allocator's requirements, and `pointer` comes from that allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    // Counts both blocks at the same time, as if no block could grow in place.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the system allocator's requirements, and `pointer` comes from that allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the most bytes that `run` holds at once, in addition to those held before.
fn most<R>(run: impl FnOnce() -> R) -> isize {
    // All work must run on this thread, whose bytes are counted.
    mlp_cpu::set_threads(NonZero::<usize>::MIN);
    let before = HELD.get();
    MOST.set(before);
    let result = run();
    let most = MOST.get() - before;
    drop(result);
    most
}

/// Calls `run` while allocations of more than `bytes` bytes fail.
fn within<R>(bytes: usize, run: impl FnOnce() -> R) -> R {
    LIMIT.set(bytes);
    let result = run();
    LIMIT.set(usize::MAX);
    result
}

fn check(name: &str, path: &Path, took: isize) {
    let limit = 2 * fs::metadata(path).unwrap().len() as isize + (1 << 20);
    assert!(
        took <= limit,
        "{name}: loading took {took} bytes of memory, more than {limit}"
    );
}

#[test]
fn the_counter_counts() {
    assert_eq!(most(|| 1), 0);
    assert_eq!(most(|| vec![0_u8; 100]), 100);
    assert_eq!(most(|| (drop(vec![0_u8; 100]), vec![0_u8; 50])), 100);
    let grows = || {
        let mut grows = vec![0_u8; 100];
        grows.reserve_exact(200);
        grows
    };
    assert_eq!(most(grows), 400);
}

#[test]
fn loading_a_model_takes_twice_its_file_and_one_mib_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    // These are one layer, many layers, wide layers and a single row. For the others `Matrix` pads nearly as many rows
    // again: 9 to 16, and 17 to 32.
    for sizes in [
        &[64, 16][..],
        &[2000, 1600],
        &[16; 200],
        &[200_000, 16, 16],
        &[16, 100_000],
        &[1_000_000, 1],
        &[3_500, 17],
        &[7_000, 17],
        &[30_000, 17],
        &[30_000, 100, 10],
        &[100_000, 17],
        &[200_000, 9],
        &[100_000, 5],
        &[17; 200],
        &[9; 200],
    ] {
        let network = Mlp::<Matrix<f32>>::builder(sizes).build().unwrap();
        save_model(&path, &Model::new(network, HalfMse)).unwrap();
        let took = most(|| load_model::<Matrix<f32>>(&path).unwrap());
        check(&format!("{sizes:?}"), &path, took);
    }
    let network = Mlp::<Matrix<f64>>::builder(&[200_000, 17]).build().unwrap();
    save_model(&path, &Model::new(network, HalfMse)).unwrap();
    let took = most(|| load_model::<Matrix<f64>>(&path).unwrap());
    check("17 rows of f64", &path, took);
}

#[test]
fn a_matrix_whose_padding_cannot_be_allocated_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let sizes = [100_000, 17];
    let model = Model::new(Mlp::<Matrix<f32>>::builder(&sizes).build().unwrap(), HalfMse);
    // There is room for the numbers, but not for 32 rows of them.
    let bytes = 4 * 24 * sizes[0];
    save_model(&path, &model).unwrap();
    let error = within(bytes, || load_model::<Matrix<f32>>(&path)).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::OutOfMemory, "{error}");
    save_npz(&path, &model).unwrap();
    let error = within(bytes, || load_npz::<Matrix<f32>>(&path)).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::OutOfMemory, "{error}");
}

#[test]
fn metadata_of_the_largest_size_stays_within_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    // Ordinary numbers, and numbers that take as many characters as any: 24 with a sign, and 23 without.
    let ordinary = |n: usize, _: f64| (0..n).map(|i| (1.0 + i as f64).sqrt()).collect();
    let long = |n: usize, sign: f64| (0..n).map(|_| sign * 1.234_567_890_123_456_7e-300).collect();
    type Numbers<'a> = &'a dyn Fn(usize, f64) -> Vec<f64>;
    for (sizes, numbers) in [
        (&[6_800, 1][..], &long as Numbers<'_>),
        (&[8_000, 1], &ordinary),
        (&[30_000, 64, 1], &ordinary),
        (&[30_000, 64, 1], &long),
        (&[80_000, 32, 1], &long),
    ] {
        let features = sizes[0];
        let scaling = Scaling::from_parts(ScalingKind::Standard, numbers(features, -1.0), numbers(features, 1.0));
        let network = Mlp::<Matrix<f32>>::builder(sizes).build().unwrap();
        let model = Model::new(network, HalfMse);
        save_model(&path, &model.with_input_scaling(scaling.unwrap()).unwrap()).unwrap();
        let took = most(|| load_model::<Matrix<f32>>(&path).unwrap());
        check(&format!("a scaling, {sizes:?}"), &path, took);
    }

    let network = Mlp::<Matrix<f32>>::builder(&[1, 6_000]).build().unwrap();
    let model = Model::new(network, SoftmaxCrossEntropy::for_classes());
    let classes = Classes::new((0..6_000).map(|i| format!("class {i}"))).unwrap();
    save_model(&path, &model.with_classes(classes).unwrap()).unwrap();
    check("classes", &path, most(|| load_model::<Matrix<f32>>(&path).unwrap()));
    // Headers of more than 320 KiB, compared with the tensors of the file.
    let check_header = |name: &str| {
        let took = most(|| load_model::<Matrix<f32>>(&path).unwrap());
        let header = u64::from_le_bytes(*fs::read(&path).unwrap().first_chunk().unwrap());
        let limit = 25 * header as isize;
        assert!(
            took <= limit,
            "{name}: loading took {took} bytes of memory, more than {limit}"
        );
    };
    let network = Mlp::<Matrix<f32>>::builder(&[1, 100_000]).build().unwrap();
    let model = Model::new(network, SoftmaxCrossEntropy::for_classes());
    let classes = Classes::new((0..100_000).map(|i| i.to_string())).unwrap();
    save_model(&path, &model.with_classes(classes).unwrap()).unwrap();
    check_header("100,000 classes");
    for activation in [ActivationKind::from(Elu::new(0.5).unwrap()), Identity.into()] {
        let network = Mlp::<Matrix<f32>>::builder(&[1; 4_001])
            .hidden(activation)
            .build()
            .unwrap();
        save_model(&path, &Model::new(network, HalfMse)).unwrap();
        check_header("4,000 layers");
    }

    let network = Mlp::<Matrix<f32>>::builder(&[1; 900]).build().unwrap();
    save_model(&path, &Model::new(network, HalfMse)).unwrap();
    check("layers", &path, most(|| load_model::<Matrix<f32>>(&path).unwrap()));
}

/// Returns a model's file with its metadata under the key of checkpoints.
fn as_checkpoint(bytes: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let Some(header) = bytes[8..]
        .get(..length)
        .map(|header| std::str::from_utf8(header).unwrap())
    else {
        return bytes.to_vec();
    };
    let header = header.replace(r#"{"mlp":"#, r#"{"mlp_checkpoint":"#);
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        &bytes[8 + length..],
    ]
    .concat()
}

/// Returns a file with this header and numbers of 0.
fn file(header: &str, numbers: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + 4 * numbers, 0);
    bytes
}

#[test]
fn files_made_to_take_memory_stay_within_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let escaped = serde_json::to_string(&"\"".repeat(160_000)).unwrap();
    let record = |json: &str| {
        format!(
            r#"{{"__metadata__":{{"mlp":{}}}}}"#,
            serde_json::to_string(json).unwrap()
        )
    };
    let start = r#"{"version":1,"dtype":"F32","layer_sizes":[1,1],"activations":["#;
    let list = |json: String| record(&format!("{start}{json}]}}"));
    let tensors = |name: &dyn Fn(usize) -> String, count: usize| {
        let entries = (0..count).map(|i| {
            format!(
                r#""{}":{{"dtype":"F32","shape":[1,1],"data_offsets":[{},{}]}}"#,
                name(i),
                4 * i,
                4 * i + 4
            )
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    };
    let files = [
        ("a name with escapes", file(&format!(r#"{{{escaped}:{{}}}}"#), 0)),
        (
            "a dtype with escapes",
            file(&format!(r#"{{"a":{{"dtype":{escaped}}}}}"#), 0),
        ),
        ("a key with escapes", file(&format!(r#"{{"a":{{{escaped}:1}}}}"#), 0)),
        (
            "metadata with escapes",
            file(&format!(r#"{{"__metadata__":{{"mlp":{escaped}}}}}"#), 0),
        ),
        (
            "metadata under a long key",
            file(&format!(r#"{{"__metadata__":{{{escaped}:"1"}}}}"#), 0),
        ),
        (
            "a text in the record",
            file(&record(&escaped[..150_000].replace('\\', "")), 0),
        ),
        (
            "a header of 2^60 bytes",
            [&(1_u64 << 60).to_le_bytes()[..], &[0; 100]].concat(),
        ),
        (
            "a tensor of 2^60 bytes",
            file(
                r#"{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#,
                1,
            ),
        ),
        (
            "a shape of many dimensions",
            file(
                &format!(r#"{{"a":{{"dtype":"F32","shape":[{}1]}}}}"#, "1,".repeat(150_000)),
                0,
            ),
        ),
        (
            "numbers in the record",
            file(&list(format!("{}1", "1,".repeat(140_000))), 0),
        ),
        (
            "texts in the record",
            file(&list(format!("{}\"\"", "\"\",".repeat(60_000))), 0),
        ),
        (
            "objects in the record",
            file(&list(format!("{}{{}}", "{},".repeat(90_000))), 0),
        ),
        (
            "lists in the record",
            file(&list(format!("{}[]", "[],".repeat(90_000))), 0),
        ),
        (
            "as many tensors as there may be",
            file(&tensors(&|i| format!("{i}.weight"), 4_096), 4_096),
        ),
        (
            "tensors with long names",
            file(&tensors(&|i| format!("{}{i}", "n".repeat(200)), 1_100), 1_100),
        ),
        (
            "tensors with longer names, and numbers",
            file(&tensors(&|i| format!("{}{i}", "n".repeat(900)), 4_000), 2_000_000),
        ),
        (
            "layers of many numbers",
            file(&tensors(&|i| format!("{}.weight", 7 * i), 4_000), 4_000),
        ),
    ];
    for (name, bytes) in files {
        fs::write(&path, &bytes).unwrap();
        let took = most(|| load_model::<Matrix<f32>>(&path).map_err(drop));
        check(name, &path, took);
        let took = most(|| load_pytorch::<Matrix<f32>>(&path, Identity, Identity).map_err(drop));
        check(&format!("{name}, as a network"), &path, took);
        assert!(model_from_bytes::<Matrix<f32>>(&bytes).is_err(), "{name}");
        fs::write(&path, as_checkpoint(&bytes)).unwrap();
        let took = most(|| load_checkpoint::<Matrix<f32>>(&path).map_err(drop));
        check(&format!("{name}, as a checkpoint"), &path, took);
    }
}

#[test]
fn loading_a_checkpoint_takes_twice_its_file_and_one_mib_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("training.safetensors");
    let zeros = |rows, columns| Matrix::<f32>::from_fn(rows, columns, |i, j| (i + 2 * j) as f32);
    for (sizes, samples) in [
        (&[64, 16][..], 32),
        (&[2000, 1600], 16),
        (&[16; 50], 16),
        (&[17; 50], 16),
        (&[100_000, 16, 16], 16),
        (&[30_000, 17, 10], 16),
        (&[50_000, 9], 16),
    ] {
        let mut network = Mlp::<Matrix<f32>>::builder(sizes).build().unwrap();
        let (input, target) = (zeros(sizes[0], samples), zeros(*sizes.last().unwrap(), samples));
        let samples = Samples::new(&input, &target).unwrap();
        let mut trainer = Trainer::new(HalfMse, Adam::new(1e-6).unwrap()).early_stopping(EarlyStopping::new(3));
        let data = samples.with_validation(samples);
        trainer.fit(&mut network, data, FitOptions::epochs(2)).unwrap();
        save_checkpoint(&path, &network, &trainer.state()).unwrap();
        drop((trainer, network));
        let took = most(|| load_checkpoint::<Matrix<f32>>(&path).unwrap());
        check(&format!("{sizes:?}"), &path, took);
    }
}

#[test]
fn loading_an_npz_takes_twice_its_file_and_one_mib_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.npz");
    for sizes in [
        &[64, 16][..],
        &[2000, 1600],
        &[16; 200],
        &[200_000, 16, 16],
        &[1_000_000, 1],
        &[30_000, 100, 10],
        &[200_000, 10],
        &[200_000, 17],
    ] {
        check_npz::<f64>(sizes, &path);
    }
    check_npz::<f32>(&[100_000, 17], &path);
}

#[test]
fn a_compressed_npz_takes_no_more_than_its_content_and_a_small_file_cannot_expand() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.npz");
    for sizes in [&[64, 16][..], &[2000, 400], &[50_000, 16, 16]] {
        let network = Mlp::<Matrix<f32>>::builder(sizes).build().unwrap();
        let plain = npz_to_bytes(&Model::new(network, HalfMse)).unwrap();
        fs::write(&path, &plain).unwrap();
        let expected = load_npz::<Matrix<f32>>(&path).unwrap();
        fs::write(&path, compressed(&plain)).unwrap();
        let took = most(|| assert!(load_npz::<Matrix<f32>>(&path).unwrap() == expected));
        let limit = 2 * plain.len() as isize + (1 << 20);
        assert!(took <= limit, "{sizes:?}: loading took {took} bytes, more than {limit}");
    }
    let zeros = Mlp::<Matrix<f32>>::from_layers(vec![(Dense::zeros(2000, 1000), Identity.into())]).unwrap();
    let bomb = compressed(&npz_to_bytes(&Model::new(zeros, HalfMse)).unwrap());
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    fs::write(&path, &bomb).unwrap();
    let took = most(|| {
        let error = load_npz::<Matrix<f32>>(&path).unwrap_err();
        assert_eq!(error.kind, LoadErrorKind::Unsupported, "{error}");
    });
    check("zeros", &path, took);
}

/// Returns an archive of `save_npz` with its entries deflated.
fn compressed(plain: &[u8]) -> Vec<u8> {
    let u16_at = |at: usize| u16::from_le_bytes(plain[at..at + 2].try_into().unwrap()) as usize;
    let u32_at = |at: usize| u32::from_le_bytes(plain[at..at + 4].try_into().unwrap()) as usize;
    let (mut bytes, mut list, mut at) = (Vec::new(), Vec::new(), 0);
    let end = plain.len() - 22;
    while plain[at..].starts_with(b"PK\x03\x04") {
        let (length, name) = (u32_at(at + 22), u16_at(at + 26));
        let content = at + 30 + name;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(&plain[content..content + length]).unwrap();
        let deflated = deflated.finish().unwrap();
        let mut common = plain[at + 4..at + 30].to_vec();
        common[4] = 8;
        common[14..18].copy_from_slice(&(deflated.len() as u32).to_le_bytes());
        list.extend(b"PK\x01\x02\x14\x03");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend((bytes.len() as u32).to_le_bytes());
        list.extend(&plain[at + 30..content]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(&plain[at + 30..content]);
        bytes.extend(&deflated);
        at = content + length;
    }
    let (start, length) = (bytes.len() as u32, list.len() as u32);
    bytes.extend(list);
    bytes.extend(&plain[end..end + 12]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

fn check_npz<T: Element + Number>(sizes: &[usize], path: &Path) {
    let network = Mlp::<Matrix<T>>::builder(sizes).build().unwrap();
    save_npz(path, &Model::new(network, HalfMse)).unwrap();
    let took = most(|| load_npz::<Matrix<T>>(path).unwrap());
    check(&format!("{sizes:?}"), path, took);
}
