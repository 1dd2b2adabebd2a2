//! The order in which a network applies the layers of a file.

use crate::error::quoted;
use crate::{LoadError, LoadErrorKind};
use std::collections::BTreeMap;

/// Each layer has its own memory, which is free again when the layer of the network has been made.
pub(super) type Layers = Vec<Box<Layer>>;

#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// What stands before `.weight` and `.bias`.
    pub(super) name: String,
    /// The names of the tensors. They begin with another layer's name if the layers are tied.
    pub(super) weight: String,
    pub(super) bias: Option<String>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

/// One component of a name, such as `fc12`: the place of the word `fc` among the words in this position, the number, and
/// whether there is a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    word: usize,
    number: Option<u32>,
    is_word: bool,
}

/// A layer and its name, whose order is that of the components.
struct Named<'a> {
    key: Vec<Component>,
    place: usize,
    layer: &'a Layer,
}

/// Sorts the layers by the numbers in their names, and otherwise leaves them in the order of the file. If `certify`, the
/// order of the file says nothing, and the shapes must leave one order only.
pub(super) fn sort(layers: &mut Layers, certify: bool) -> Result<(), LoadError> {
    let mut words = BTreeMap::new();
    let mut named = Vec::with_capacity(layers.len());
    for (place, layer) in layers.iter().enumerate() {
        let key = key(&layer.name, &mut words);
        named.push(Named { key, place, layer });
    }
    drop(words);
    named.sort_unstable_by(|a, b| (&a.key, a.place).cmp(&(&b.key, b.place)));
    check_gaps(&named)?;
    // Blocks of layers whose order the numbers give.
    let blocks: Vec<_> = named.chunk_by(is_numbered).collect();
    let certain = !certify || blocks.len() == 1;
    let order = if certain { None } else { the_order(&blocks)? };
    let order = order.unwrap_or_else(|| (0..blocks.len()).collect());
    let sorted = order
        .into_iter()
        .filter_map(|block| blocks.get(block))
        .copied()
        .flatten();
    let places: Vec<usize> = sorted.map(|named| named.place).collect();
    drop(named);
    let mut unsorted: Vec<_> = layers.drain(..).map(Some).collect();
    layers.extend(places.into_iter().filter_map(|place| unsorted.get_mut(place)?.take()));
    Ok(())
}

/// Splits a name at its points, and each component into a word and a number. `words` has the words that occur after the
/// same components.
fn key<'a>(name: &'a str, words: &mut BTreeMap<&'a str, usize>) -> Vec<Component> {
    let mut start = 0_usize;
    let components = name.split('.').map(|component| {
        let word = component.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = component.get(word.len()..).and_then(|digits| digits.parse().ok());
        let is_word = !word.is_empty();
        let end = start.saturating_add(if number.is_some() { word.len() } else { component.len() });
        let count = words.len();
        let word = *words.entry(name.get(..end).unwrap_or(name)).or_insert(count);
        start = start.saturating_add(component.len()).saturating_add(1);
        Component { word, number, is_word }
    });
    components.collect()
}

/// Returns the first components in which two names differ.
fn difference<'a>(a: &'a [Component], b: &'a [Component]) -> Option<(&'a Component, &'a Component)> {
    a.iter().zip(b).find(|(a, b)| a != b)
}

/// Returns whether two names differ first in a number, so that the first name stands before the second.
fn is_numbered(a: &Named<'_>, b: &Named<'_>) -> bool {
    difference(&a.key, &b.key).is_some_and(|(a, b)| a.word == b.word && a.number.is_some() && a.number < b.number)
}

/// Checks that words with numbers, such as `fc1` and `fc2`, begin at 0 or 1 and leave out none. (An `nn.Sequential` also
/// counts its activations.)
fn check_gaps(named: &[Named<'_>]) -> Result<(), LoadError> {
    let mut before: &[Component] = &[];
    for Named { key, layer, .. } in named {
        let (a, b) = difference(before, key).map_or((None, key.first()), |(a, b)| (Some(a), Some(b)));
        let expected = match (a, b) {
            (Some(a), Some(b)) if a.word == b.word => a.number.map(|number| number.saturating_add(1)),
            _ => Some(1),
        };
        let (expected, got) = (expected.unwrap_or(0), b.filter(|b| b.is_word).and_then(|b| b.number));
        if got.is_some_and(|got| got > expected) {
            let name = quoted(&layer.name);
            let message = format!(
                "layer {name}: expected a layer of number {expected} before it: a part of a network is not read (a list of \
                 the layers' names says that none is missing)"
            );
            return Err(LoadError::new(LoadErrorKind::DoesNotFit, message));
        }
        before = key;
    }
    Ok(())
}

/// Returns the only order of the blocks in which the layers chain, or `None` if they do not chain in any.
fn the_order(blocks: &[&[Named<'_>]]) -> Result<Option<Vec<usize>>, LoadError> {
    /// The search takes up to as many steps as there are orders.
    const MOST: usize = 8;
    let mut orders = Vec::new();
    if blocks.len() <= MOST {
        extend(blocks, &mut Vec::new(), &mut orders);
    }
    if blocks.len() <= MOST && orders.len() < 2 {
        return Ok(orders.pop());
    }
    let mut names = blocks
        .iter()
        .filter_map(|block| block.first())
        .map(|named| quoted(&named.layer.name));
    let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let message = format!(
        "neither the names nor the shapes say in which order the layers {first} and {second} are applied: give a list of the \
         layers' names in order (PytorchOptions::layers)"
    );
    Err(LoadError::new(LoadErrorKind::Unsupported, message))
}

/// Adds to `orders` each order that begins with `order`, chains, and keeps the order of numbers. It stops at the second.
fn extend(blocks: &[&[Named<'_>]], order: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
    if order.len() == blocks.len() {
        orders.push(order.clone());
    }
    let outputs = order
        .last()
        .and_then(|&last| blocks.get(last)?.last())
        .map(|named| named.layer.outputs);
    for (next, block) in blocks.iter().enumerate() {
        let chains = block
            .first()
            .is_some_and(|named| outputs.is_none_or(|outputs| outputs == named.layer.inputs));
        let left = || {
            blocks
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != next && !order.contains(other))
        };
        if orders.len() < 2
            && !order.contains(&next)
            && chains
            && !left().any(|(_, other)| other.iter().any(|a| block.iter().any(|b| is_numbered(a, b))))
        {
            order.push(next);
            extend(blocks, order, orders);
            order.pop();
        }
    }
}
