//! Corrects what a change to a file makes wrong: lengths, offsets and checksums. Without this a fuzzer would hardly get
//! past these checks.

use serde_json::Value;

/// The most bytes that the tensors may have together.
const MOST: u64 = 1 << 14;

/// Returns a safetensors file in which the tensors of the header follow one another, each is as long as its shape
/// requires, and the length of the header is correct. Returns `None` if there is no valid header or the tensors would
/// be too long.
pub(crate) fn safetensors(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut values = serde_json::Deserializer::from_slice(bytes.get(8..)?).into_iter::<Value>();
    let Value::Object(mut header) = values.next()?.ok()? else {
        return None;
    };
    let data = bytes.get(8 + values.byte_offset()..)?;
    let mut end = 0_u64;
    for (_, tensor) in header.iter_mut().filter(|(name, _)| *name != "__metadata__") {
        let size = match tensor.get("dtype")?.as_str()? {
            "F32" => 4,
            _ => 8,
        };
        let mut shape = tensor.get("shape")?.as_array()?.iter();
        let length = shape.try_fold(size, |product: u64, n| product.checked_mul(n.as_u64()?))?;
        let start = end;
        end = end.checked_add(length).filter(|&end| end <= MOST)?;
        tensor
            .as_object_mut()?
            .insert("data_offsets".to_owned(), vec![start, end].into());
    }
    let header = serde_json::to_vec(&header).ok()?;
    let mut sealed = (header.len() as u64).to_le_bytes().to_vec();
    sealed.extend(&header);
    sealed.extend(data.iter().chain(std::iter::repeat(&0)).take(end as usize));
    Some(sealed)
}

const LOCAL: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
/// The number of bytes of an entry's header before its name.
const LOCAL_LENGTH: usize = 30;
/// The start of an array. Two bytes with the length of the text that follows, up to the end of the line, come after it.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Returns an archive of the entries of `bytes`, each of which begins with its signature and ends at the next one.
/// Returns `None` if there is no entry.
pub(crate) fn npz(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut archive, mut list, mut entries) = (Vec::new(), Vec::new(), 0_u16);
    let mut left = bytes.strip_prefix(LOCAL)?;
    loop {
        let end = left.windows(4).position(|window| window == LOCAL || window == LISTED);
        let (entry, behind) = left.split_at(end.unwrap_or(left.len()));
        // The header is shorter here because the signature has been removed.
        let header = entry.get(..LOCAL_LENGTH - 4)?;
        let name_length = usize::from(header[22]).min(entry.len() - header.len());
        let extra_length = usize::from(header[24]);
        let (name, content) = entry[header.len()..].split_at(name_length);
        let mut content = content.get(extra_length..)?.to_vec();
        if content.starts_with(MAGIC)
            && let Some(line) = content.iter().skip(10).position(|&byte| byte == b'\n')
        {
            content[8..10].copy_from_slice(&(line as u16 + 1).to_le_bytes());
        }

        let length = (content.len() as u32).to_le_bytes();
        let mut common = header[..10].to_vec();
        common.extend(crc32fast::hash(&content).to_le_bytes());
        common.extend([length, length].concat());
        common.extend([name_length as u8, 0, 0, 0]);
        list.extend(LISTED);
        list.extend([20, 3]);
        list.extend(&common);
        list.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 0x81]);
        list.extend((archive.len() as u32).to_le_bytes());
        list.extend(name);
        archive.extend([LOCAL, &common, name, &content].concat());
        entries += 1;

        match behind.strip_prefix(LOCAL) {
            Some(next) => left = next,
            None => break,
        }
    }
    let place = (archive.len() as u32).to_le_bytes();
    archive.extend(&list);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    archive.extend((list.len() as u32).to_le_bytes());
    archive.extend(place);
    archive.extend([0, 0]);
    Some(archive)
}

#[cfg(test)]
mod tests {
    use mlp_core::{HalfMse, Mlp, Model};
    use mlp_cpu::Matrix;

    fn model() -> Model<Matrix<f32>> {
        Model::new(Mlp::builder(&[3, 4, 2]).build().unwrap(), HalfMse)
    }

    /// Returns the bytes with two more bytes inside, which every reader refuses.
    fn longer(bytes: &[u8], behind: &str) -> Vec<u8> {
        let at = bytes
            .windows(behind.len())
            .position(|window| window == behind.as_bytes());
        let (start, end) = bytes.split_at(at.unwrap() + behind.len());
        [start, b"  ", end].concat()
    }

    #[test]
    fn sealed_files_can_be_read() {
        let bytes = longer(&mlp_io::model_to_bytes(&model()).unwrap(), "\"shape\":");
        assert!(mlp_io::model_from_bytes::<Matrix<f32>>(&bytes).is_err());
        let sealed = super::safetensors(&bytes).unwrap();
        mlp_io::model_from_bytes::<Matrix<f32>>(&sealed).unwrap();

        let whole = mlp_io::npz_to_bytes(&model()).unwrap();
        assert!(
            super::npz(&whole).unwrap() == whole,
            "sealing must not change a file from the writer"
        );
        let bytes = longer(&whole, "'shape': ");
        assert!(mlp_io::npz_from_bytes::<Matrix<f32>>(&bytes).is_err());
        let sealed = super::npz(&bytes).unwrap();
        assert_eq!(mlp_io::npz_from_bytes::<Matrix<f32>>(&sealed).unwrap(), model());
    }
}
