//! One line of a file of requests.

use std::borrow::Cow;
use std::fmt;
use std::str;

use netpol_policy::model::Protocol;
use netpol_policy::request::{self, PortRef};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

/// A request as it is written; its ends are not looked up yet.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) from: Cow<'a, str>,
    pub(super) to: Cow<'a, str>,
    pub(super) protocol: Protocol,
    pub(super) port: Option<PortRef>,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed<'a> {
    /// Its `id`, where that could be read.
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) message: String,
}

/// Reads a line. Fields that are not known are left alone.
pub(super) fn parse(line: &[u8]) -> Result<Line<'_>, Malformed<'_>> {
    let mut fields = Fields::default();
    let read = read(line, &mut fields);
    let id = match &fields.id {
        Some(Value::Text(id)) => Some(id.clone()),
        _ => None,
    };
    let request = read.and_then(|()| fields.request());
    request.map_err(|message| Malformed { id, message })
}

fn read<'a>(line: &'a [u8], fields: &mut Fields<'a>) -> Result<(), String> {
    let is_text = str::from_utf8(line).is_ok();
    let mut from = serde_json::Deserializer::from_slice(line);
    let read = fields.deserialize(&mut from).and_then(|()| from.end());
    match read {
        // It is also the reason of whatever else is wrong then.
        _ if !is_text => Err("is no UTF-8 text".to_owned()),
        Ok(()) => Ok(()),
        Err(error) => {
            // Of the one line that it has seen.
            let message = error
                .to_string()
                .replace(" at line 1 column ", " at column ");
            Err(match error.classify() {
                Category::Data => message,
                Category::Syntax | Category::Eof | Category::Io => format!("is no JSON: {message}"),
            })
        }
    }
}

/// The fields that a request may have.
#[derive(Default)]
struct Fields<'a> {
    id: Option<Value<'a>>,
    from: Option<Value<'a>>,
    to: Option<Value<'a>>,
    protocol: Option<Value<'a>>,
    port: Option<Value<'a>>,
}

/// A field's value, as far as requests have use for it.
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Null,
    /// What it is instead.
    Other(&'static str),
}

impl<'a> Fields<'a> {
    fn request(self) -> Result<Line<'a>, String> {
        let line = Line {
            id: text("id", self.id)?,
            from: text("from", self.from)?,
            to: text("to", self.to)?,
            protocol: match self.protocol {
                None | Some(Value::Null) => Ok(Protocol::Tcp),
                Some(Value::Text(name)) => request::protocol(&name),
                Some(Value::Number(number)) => request::protocol(&number.to_string()),
                Some(Value::Other(kind)) => {
                    return Err(format!("protocol: expected a string, found {kind}"));
                }
            }
            .map_err(|error| error.to_string())?,
            port: match self.port {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Number(number)) => PortRef::from_number(number).map(Some),
                Some(Value::Text(name)) => name.parse().map(Some),
                Some(Value::Other(kind)) => {
                    return Err(format!("port: expected a number or a name, found {kind}"));
                }
            }
            .map_err(|error| error.to_string())?,
        };
        Ok(line)
    }
}

fn text<'a>(field: &str, value: Option<Value<'a>>) -> Result<Cow<'a, str>, String> {
    match value {
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Number(_)) => Err(format!("{field}: expected a string, found a number")),
        Some(Value::Other(kind)) => Err(format!("{field}: expected a string, found {kind}")),
        Some(Value::Null) => Err(format!("{field}: expected a string, found null")),
        None => Err(format!("{field}: expected a string, found none")),
    }
}

/// Fills in what it reads, so that what was read of a broken line remains.
impl<'de> DeserializeSeed<'de> for &mut Fields<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(AnyValue)? {
            let Value::Text(key) = key else {
                continue;
            };
            let field = match &*key {
                "id" => &mut self.id,
                "from" => &mut self.from,
                "to" => &mut self.to,
                "protocol" => &mut self.protocol,
                "port" => &mut self.port,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if field.is_some() {
                return Err(A::Error::custom(format!("{key} stands there twice")));
            }
            *field = Some(map.next_value_seed(AnyValue)?);
        }
        Ok(())
    }
}

/// Reads any value; what is wrong with it is said once the whole line is read.
struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a negative number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a fraction"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other("true or false"))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_defaults() {
        let line = br#" {"id":"a\"1","from":"prod/web","to":"10.0.0.1","port":80,"note":[{}]} "#;
        let read = parse(line).unwrap();
        assert_eq!(
            read,
            Line {
                id: "a\"1".into(),
                from: "prod/web".into(),
                to: "10.0.0.1".into(),
                protocol: Protocol::Tcp,
                port: Some(PortRef::Number(80)),
            }
        );
        assert!(matches!(read.from, Cow::Borrowed(_)), "costs no memory");
        let line = br#"{"port":"http","protocol":"udp","to":"b","from":"a","id":""}"#;
        let read = parse(line).unwrap();
        assert_eq!(read.protocol, Protocol::Udp);
        assert_eq!(read.port, Some(PortRef::Name("http".into())));
        let line = br#"{"id":"1","from":"a","to":"b","protocol":null,"port":null}"#;
        let read = parse(line).unwrap();
        assert_eq!((read.protocol, read.port), (Protocol::Tcp, None));
    }

    #[test]
    fn whatever_is_wrong_the_id_is_told_where_it_can_be() {
        for (line, id, message) in [
            (
                &b"nonsense"[..],
                None,
                "is no JSON: expected ident at column 2",
            ),
            (
                b"[]",
                None,
                "invalid type: sequence, expected an object at column 0",
            ),
            (
                b"7",
                None,
                "invalid type: integer `7`, expected an object at column 1",
            ),
            (b"{}", None, "id: expected a string, found none"),
            (
                br#"{"id":7}"#,
                None,
                "id: expected a string, found a number",
            ),
            (
                br#"{"id":"a"}"#,
                Some("a"),
                "from: expected a string, found none",
            ),
            (
                br#"{"from":[],"id":"a"}"#,
                Some("a"),
                "from: expected a string, found a list",
            ),
            (
                br#"{"from":null,"id":"a"}"#,
                Some("a"),
                "from: expected a string, found null",
            ),
            (
                br#"{"id":"a","from":"b","#,
                Some("a"),
                "is no JSON: EOF while parsing a value at column 21",
            ),
            (
                br#"{"id":"a"} x"#,
                Some("a"),
                "is no JSON: trailing characters at column 12",
            ),
            (
                br#"{"id":"a","id":"b"}"#,
                Some("a"),
                "id stands there twice at column 14",
            ),
            (
                b"{\"id\":\"a\",\"from\":\"\xff\"}",
                Some("a"),
                "is no UTF-8 text",
            ),
            (
                br#"{"id":"a","from":"b","to":"c","port":0}"#,
                Some("a"),
                "expected a port from 1 to 65535 or its name, found \"0\"",
            ),
            (
                br#"{"id":"a","from":"b","to":"c","port":-1}"#,
                Some("a"),
                "port: expected a number or a name, found a negative number",
            ),
            (
                br#"{"id":"a","from":"b","to":"c","protocol":true}"#,
                Some("a"),
                "protocol: expected a string, found true or false",
            ),
        ] {
            let malformed = parse(line).unwrap_err();
            assert_eq!(malformed.id.as_deref(), id);
            assert_eq!(malformed.message, message);
        }
    }
}
