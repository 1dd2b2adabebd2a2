//! Checks the parts of a task, and what a model records of its images.

use super::*;

/// Returns an easy task, in which class c has its ink in pixel c.
pub(crate) fn easy() -> Task {
    let part = |n: u8| Part {
        images: (0..n)
            .flat_map(|i| [0, 1, 2].map(|pixel| if pixel == i % 3 { 200 } else { 10 }))
            .collect(),
        labels: (0..n).map(|i| i % 3).collect(),
    };
    Task {
        pixels: 3,
        max_pixel: 200,
        least_input: 0.0,
        classes: 3,
        train: part(30),
        validation: Part::default(),
        test: part(9),
    }
}

fn count(part: &Part, class: u8) -> usize {
    part.labels.iter().filter(|&&label| label == class).count()
}

fn sorted(parts: &[&Part]) -> Vec<(Vec<u8>, u8)> {
    let pairs = parts
        .iter()
        .flat_map(|part| part.images.chunks(digits::PIXELS).zip(&part.labels));
    let mut pairs: Vec<_> = pairs.map(|(image, &label)| (image.to_vec(), label)).collect();
    pairs.sort();
    pairs
}

#[test]
fn a_fifth_of_each_class_is_held_out() {
    let task = Task::digits(0);
    for class in 0..10 {
        let (train, test) = (count(&task.train, class), count(&task.test, class));
        assert!((4 * test).abs_diff(train) <= 4, "class {class}: {train} and {test}");
    }
    assert_eq!((task.train.labels.len(), task.test.labels.len()), (1438, 359));
}

#[test]
fn the_parts_together_are_all_digits_each_once() {
    let task = Task::digits(3);
    assert_eq!(sorted(&[&task.train, &task.test]), sorted(&[&digits::load()]));
    assert_eq!(task, Task::digits(3));
    assert_ne!(task.test, Task::digits(4).test);
}

#[test]
fn validation_takes_a_tenth_of_each_class_of_the_training_part_and_leaves_the_test_part() {
    let whole = Task::digits(3);
    let task = whole.clone().hold_out(3);
    assert_eq!(task.test, whole.test);
    assert_eq!(sorted(&[&task.train, &task.validation]), sorted(&[&whole.train]));
    for class in 0..10 {
        let (train, validation) = (count(&task.train, class), count(&task.validation, class));
        assert!(
            (9 * validation).abs_diff(train) <= 9,
            "class {class}: {train} and {validation}"
        );
    }
    assert_ne!(task.validation, whole.hold_out(4).validation);
}

#[test]
fn pixels_are_scaled() {
    let task = easy();
    assert_eq!(
        task.data::<f64>(&task.test).unwrap().input().column(1),
        [0.05, 1.0, 0.05]
    );
    let task = Task {
        least_input: -1.0,
        ..task
    };
    assert_eq!(
        task.data::<f32>(&task.test).unwrap().input().column(1),
        [-0.9, 1.0, -0.9]
    );
    let (digits, mnist) = (
        Task::digits(0),
        Mnist {
            train: task.train.clone(),
            test: task.test.clone(),
        },
    );
    let range = |task: &Task| {
        let values = task.data::<f64>(&task.test).unwrap().input().to_vec();
        values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
                (low.min(v), high.max(v))
            })
    };
    assert_eq!(range(&digits), (-1.0, 1.0));
    assert_eq!(
        (Task::mnist(mnist.clone()).least_input, Task::mnist(mnist).max_pixel),
        (0.0, 255)
    );
}

#[test]
fn the_scaling_of_a_model_gives_the_bits_that_are_trained_on() {
    let every_pixel = |max_pixel: u8, least_input| {
        let part = Part {
            images: (0..=max_pixel).collect(),
            labels: vec![0; usize::from(max_pixel) + 1],
        };
        let task = Task {
            pixels: 1,
            max_pixel,
            least_input,
            ..easy()
        };
        let raw = Matrix::from_vec(
            1,
            part.labels.len(),
            part.images.iter().map(|&p| f32::from(p)).collect(),
        );
        assert_eq!(&task.scaling().apply(&raw), task.data::<f32>(&part).unwrap().input());
        assert!(task.scaling().offset()[0].is_sign_positive());
    };
    every_pixel(255, 0.0);
    every_pixel(16, -1.0);
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    // printf '\xc8\n\n\x00' | sha256sum
    let train = Part {
        images: vec![200, 10, 10],
        labels: vec![0],
    };
    let task = Task { train, ..easy() };
    assert_eq!(
        task.hash(),
        "sha256:49055ab422d4a3146425b2f32a0151a89de678422ca7334f0078ba92a07780a5"
    );
    assert_ne!(task.hash(), easy().hash());
    let mut others = [easy(), easy().hold_out(0)];
    others[0].test.labels[0] = 2;
    for other in others {
        assert_ne!(other.hash_of_all(), easy().hash_of_all());
    }
}
