//! JSON as far as a provider's answers need it.
#![allow(dead_code)]

const LEVELS_MAX: u32 = 64;

#[derive(Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// None unless it is one well-formed value in UTF-8, at most 64 levels deep.
    pub fn parse(bytes: &[u8]) -> Option<Json> {
        std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at == bytes.len() { Some(value) } else { None }
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(member, _)| member == name).map(|(_, value)| value),
            _ => None,
        }
    }
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }
    pub fn list(&self, name: &str) -> Option<&[Json]> {
        match self.get(name)? {
            Json::List(values) => Some(values),
            _ => None,
        }
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 => out += &format!("\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn next(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
    /// The next byte behind spaces, if it is this one.
    fn take(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let is_there = self.peek() == Some(wanted);
        self.at += is_there as usize;
        is_there
    }

    fn value(&mut self, level: u32) -> Option<Json> {
        if level > LEVELS_MAX {
            return None;
        }
        self.skip_space();
        match self.peek()? {
            b'{' => self.object(level),
            b'[' => self.list(level),
            b'"' => self.text().map(Json::Text),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        let is_there = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if is_there { Some(value) } else { None }
    }

    fn list(&mut self, level: u32) -> Option<Json> {
        let mut values = Vec::new();
        self.at += 1;
        if self.take(b']') {
            return Some(Json::List(values));
        }
        loop {
            values.push(self.value(level + 1)?);
            if self.take(b']') {
                return Some(Json::List(values));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn object(&mut self, level: u32) -> Option<Json> {
        let mut members = Vec::new();
        self.at += 1;
        if self.take(b'}') {
            return Some(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            if !self.take(b':') {
                return None;
            }
            members.push((name, self.value(level + 1)?));
            if self.take(b'}') {
                return Some(Json::Object(members));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.bytes[begin..self.at]).ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        // What Rust reads as a number and JSON does not.
        let has_bare_point = digits.ends_with('.') || digits.contains(".e") || digits.contains(".E");
        let has_no_digit = !digits.starts_with(|c: char| c.is_ascii_digit());
        let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
        if !has_no_digit && !has_bare_point && !has_leading_zero { text.parse().ok().map(Json::Number) } else { None }
    }

    fn text(&mut self) -> Option<String> {
        let mut out = Vec::new();
        if self.next()? != b'"' {
            return None;
        }
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => self.escape(&mut out)?,
                byte if byte < 0x20 => return None,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => out.push(byte),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut code = self.hex4()?;
                if (0xD800..0xDC00).contains(&code) {
                    if self.next()? != b'\\' || self.next()? != b'u' {
                        return None;
                    }
                    let low = self.hex4()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return None;
                    }
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                }
                // A lone half of a pair is no char.
                out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes());
            }
            _ => return None,
        }
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + (self.next()? as char).to_digit(16)?;
        }
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_json_and_nothing_else() {
        let read = Json::parse(br#" {"a": [1, -2.5e3, "x\u00e9\ud83d\ude00\n"], "b": {"c": null, "d": true}} "#).unwrap();
        let text = Json::Text("x\u{e9}\u{1f600}\n".to_owned());
        assert_eq!(read.list("a"), Some(&[Json::Number(1.0), Json::Number(-2500.0), text][..]));
        assert_eq!(read.get("b").and_then(|b| b.get("d")), Some(&Json::Bool(true)));
        for wrong in ["", "{", "[1,]", "01", "1.", "+1", "nul", "\"\\ud800\"", "\"\n\"", "{\"a\":1,}", "1 2", "\"\\x\""] {
            assert_eq!(Json::parse(wrong.as_bytes()), None, "{}", wrong);
        }
        assert_eq!(Json::parse("[".repeat(20_000).as_bytes()), None);
        assert_eq!(Json::parse(quoted("\"\\\u{1}\u{e9}").as_bytes()), Some(Json::Text("\"\\\u{1}\u{e9}".to_owned())));
    }
}
