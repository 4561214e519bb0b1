//! Messages in which every field is set, made from the contract's descriptors: a field that it gets later is set too.

use std::sync::LazyLock;

use netpol_api::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// Messages within messages of the same kind end here.
const DEPTH: usize = 10;

/// A message of the contract, named as within its package: every number is 1, every list has two entries, and every
/// text is `mark` but for the fields `plain` ("Message.field"), whose text is "plain".
pub(super) fn message<M: Message + Default>(name: &str, mark: &str, plain: &[&str]) -> M {
    let maker = Maker { mark, plain };
    let bytes = maker.message(&format!(".netpol.observer.v1.{name}"), 0);
    M::decode(&*bytes).unwrap()
}

/// Whether `mark` stands in any text of the message.
pub(super) fn tells(message: &impl Message, mark: &str) -> bool {
    let bytes = message.encode_to_vec();
    bytes
        .windows(mark.len())
        .any(|part| part == mark.as_bytes())
}

static SET: LazyLock<FileDescriptorSet> =
    LazyLock::new(|| FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap());

struct Maker<'a> {
    mark: &'a str,
    plain: &'a [&'a str],
}

impl Maker<'_> {
    fn message(&self, name: &str, depth: usize) -> Vec<u8> {
        let descriptor = self.descriptor(name);
        let mut bytes = Vec::new();
        for field in &descriptor.field {
            let times = match field.label() {
                Label::Repeated => 2,
                _ => 1,
            };
            for _ in 0..times {
                self.field(descriptor, field, depth, &mut bytes);
            }
        }
        bytes
    }

    fn field(
        &self,
        message: &DescriptorProto,
        field: &FieldDescriptorProto,
        depth: usize,
        bytes: &mut Vec<u8>,
    ) {
        let tag = u32::try_from(field.number()).unwrap();
        let within = match field.r#type() {
            Type::String => {
                let name = format!("{}.{}", message.name(), field.name());
                let plain = self.plain.contains(&&*name);
                let text = if plain { "plain" } else { self.mark };
                text.as_bytes().to_vec()
            }
            Type::Message if depth == DEPTH => return,
            Type::Message => self.message(field.type_name(), depth + 1),
            Type::Double => {
                encode_key(tag, WireType::SixtyFourBit, bytes);
                bytes.extend(1f64.to_le_bytes());
                return;
            }
            Type::Bool | Type::Enum | Type::Uint32 | Type::Uint64 | Type::Int32 | Type::Int64 => {
                encode_key(tag, WireType::Varint, bytes);
                encode_varint(1, bytes);
                return;
            }
            other => panic!("{}: {other:?}", field.name()),
        };
        encode_key(tag, WireType::LengthDelimited, bytes);
        encode_varint(within.len() as u64, bytes);
        bytes.extend(within);
    }

    fn descriptor(&self, name: &str) -> &'static DescriptorProto {
        let file = SET.file.iter().find_map(|file| {
            let within = name.strip_prefix(&format!(".{}.", file.package()))?;
            let mut parts = within.split('.');
            let first = parts.next()?;
            let top = file.message_type.iter().find(|one| one.name() == first)?;
            parts.try_fold(top, |outer, part| {
                outer.nested_type.iter().find(|one| one.name() == part)
            })
        });
        file.unwrap_or_else(|| panic!("{name} is no message"))
    }
}
