//! Protocol buffers, written field by field. A message is a list of fields; the numbers of the fields are those of
//! `onnx.proto` (ONNX 1.8, IR version 7).

/// `TensorProto.DataType`: FLOAT.
pub(super) const FLOAT: i64 = 1;
/// `TensorProto.DataType`: INT64.
pub(super) const INT64: i64 = 7;
/// `TensorProto.DataType`: STRING.
pub(super) const STRING: i64 = 8;
/// `TensorProto.DataType`: DOUBLE.
pub(super) const DOUBLE: i64 = 11;

/// The bytes of a message.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Adds a whole number.
    pub(super) fn integer(mut self, field: u8, value: i64) -> Self {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    /// Adds a number in single precision.
    pub(super) fn float(mut self, field: u8, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a text, bytes or another message.
    pub(super) fn bytes(mut self, field: u8, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a field for each of the items.
    pub(super) fn each(self, field: u8, items: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        items.into_iter().fold(self, |message, item| message.bytes(field, item))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes the number of a field and how its value is written.
    fn key(&mut self, field: u8, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    /// Writes seven bits at a time, the lowest first. The eighth bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 128 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
