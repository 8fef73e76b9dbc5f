//! The little SQL that people write in a mapping, and identifiers as SQL takes them.
//!
//! Owns reading words, literals and marks with their positions, and quoting. It must not know what
//! they are used for. Identifiers follow PostgreSQL's
//! [rules](https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS):
//! folded to lower case unless quoted.

use std::fmt;
use std::iter::{Enumerate, Peekable};
use std::str::Chars;

/// PostgreSQL's limit on identifiers, in bytes (NAMEDATALEN - 1).
pub(crate) const NAME_BYTES_MAX: usize = 63;

/// Key words that are no identifiers unless quoted, of those that people like as names.
const RESERVED: [&str; 32] = [
    "all",
    "analyse",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "case",
    "check",
    "column",
    "constraint",
    "default",
    "desc",
    "do",
    "else",
    "end",
    "for",
    "from",
    "grant",
    "group",
    "in",
    "limit",
    "not",
    "null",
    "or",
    "order",
    "references",
    "select",
    "table",
    "to",
    "user",
    "where",
];

/// An identifier as SQL takes it, whatever it is.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An identifier as people write it: quoted where it must be.
pub(crate) fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_plain = name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c.is_ascii_digit())
        && !RESERVED.contains(&name);
    if is_plain { name.to_owned() } else { quoted(name) }
}

/// Several identifiers, parted by commas.
pub(crate) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

/// Text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub position: usize,
    /// What may stand there.
    pub expected: String,
    /// What does.
    pub found: String,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word without quotes, as written.
    Word(String),
    /// A quoted identifier, without its quotes.
    Quoted(String),
    /// A number without fraction.
    Integer(i64),
    /// A string, without its quotes.
    Text(String),
    /// Any other character.
    Mark(char),
    /// Nothing is left.
    End,
}

impl Token {
    /// The identifier that it is, if it is one.
    pub(crate) fn identifier(&self) -> Option<String> {
        match self {
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            Token::Quoted(name) => Some(name.clone()),
            Token::Integer(_) | Token::Text(_) | Token::Mark(_) | Token::End => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Quoted(name) => write!(f, "`{}`", quoted(name)),
            Token::Integer(number) => write!(f, "`{number}`"),
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Mark(mark) => write!(f, "`{mark}`"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// A token and where it begins, counted in characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) position: usize,
}

impl Placed {
    /// The error that something else is expected here.
    pub(crate) fn unexpected(&self, expected: &str) -> SyntaxError {
        let (position, found) = (self.position, self.token.to_string());
        SyntaxError { position, expected: expected.to_owned(), found }
    }
}

/// Reads a text piece by piece.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    rest: Peekable<Enumerate<Chars<'a>>>,
    next: Option<Placed>,
    /// Where the text ends, counted in characters from 1.
    end: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Lexer {
            rest: text.chars().enumerate().peekable(),
            next: None,
            end: text.chars().count() + 1,
        }
    }

    /// The next piece, left where it is.
    pub(crate) fn peek(&mut self) -> Result<&Placed, SyntaxError> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.read()?,
        };
        Ok(self.next.insert(next))
    }

    /// The next piece.
    pub(crate) fn take(&mut self) -> Result<Placed, SyntaxError> {
        match self.next.take() {
            Some(next) => Ok(next),
            None => self.read(),
        }
    }

    /// Takes the next piece if it is this word or mark.
    pub(crate) fn take_if(&mut self, wanted: impl Fn(&Token) -> bool) -> Result<bool, SyntaxError> {
        let is = wanted(&self.peek()?.token);
        if is {
            self.take()?;
        }
        Ok(is)
    }

    /// An identifier.
    pub(crate) fn identifier(&mut self, what: &str) -> Result<String, SyntaxError> {
        let placed = self.take()?;
        let name = placed.token.identifier().ok_or_else(|| placed.unexpected(what))?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(placed.unexpected(&format!("a name of 1 to {NAME_BYTES_MAX} bytes")));
        }
        Ok(name)
    }

    /// Nothing may be left.
    pub(crate) fn end(&mut self, expected: &str) -> Result<(), SyntaxError> {
        let placed = self.take()?;
        if placed.token == Token::End { Ok(()) } else { Err(placed.unexpected(expected)) }
    }

    fn read(&mut self) -> Result<Placed, SyntaxError> {
        while self.bump_if(char::is_whitespace).is_some() {}
        let Some((at, first)) = self.rest.next() else {
            return Ok(Placed { token: Token::End, position: self.end });
        };
        let position = at + 1;
        let token = match first {
            '"' => Token::Quoted(self.quoted('"', position)?),
            '\'' => Token::Text(self.quoted('\'', position)?),
            '-' | '0'..='9' => return self.integer(first, position),
            first if is_word_start(first) => {
                let mut word = String::from(first);
                while let Some(c) =
                    self.bump_if(|c| is_word_start(c) || c.is_ascii_digit() || c == '$')
                {
                    word.push(c);
                }
                Token::Word(word)
            }
            mark => Token::Mark(mark),
        };
        Ok(Placed { token, position })
    }

    fn integer(&mut self, first: char, position: usize) -> Result<Placed, SyntaxError> {
        let mut digits = String::from(first);
        while let Some(c) = self.bump_if(|c| c.is_ascii_digit()) {
            digits.push(c);
        }
        let number = digits.parse().map_err(|_| SyntaxError {
            position,
            expected: "an integer of 64 bits".to_owned(),
            found: format!("`{digits}`"),
        })?;
        Ok(Placed { token: Token::Integer(number), position })
    }

    /// The rest of something in quotes; two quotes stand for one.
    fn quoted(&mut self, quote: char, position: usize) -> Result<String, SyntaxError> {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None => {
                    return Err(SyntaxError {
                        position,
                        expected: format!("a closing {quote}"),
                        found: "the end".to_owned(),
                    });
                }
                Some((_, c)) if c == quote => {
                    if self.bump_if(|c| c == quote).is_none() {
                        return Ok(text);
                    }
                    text.push(quote);
                }
                Some((_, c)) => text.push(c),
            }
        }
    }

    fn bump_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.rest.next_if(|(_, c)| wanted(*c)).map(|(_, c)| c)
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            let Placed { token, position } = lexer.take()?;
            let ended = token == Token::End;
            tokens.push((position, token));
            if ended {
                return Ok(tokens);
            }
        }
    }

    #[test]
    fn pieces_and_their_positions() {
        let word = |text: &str| Token::Word(text.into());
        let expected = [
            (1, word("Né_1$")),
            (7, Token::Quoted("a\"B".into())),
            (13, Token::Mark('.')),
            (15, Token::Integer(-12)),
            (19, Token::Text("it's".into())),
            (27, Token::Mark('<')),
            (28, Token::Integer(1)),
            (29, word("e")),
            (30, Token::End),
        ];
        assert_eq!(tokens(r#"Né_1$ "a""B". -12 'it''s' <1e"#), Ok(expected.to_vec()));
        assert_eq!(tokens(" \t"), Ok(vec![(3, Token::End)]));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_position() {
        for (text, said) in [
            ("a = 'b", "at character 5: expected a closing ', found the end"),
            ("\"a", "at character 1: expected a closing \", found the end"),
            ("99999999999999999999", "at character 1: expected an integer of 64 bits"),
            ("1 -", "at character 3: expected an integer of 64 bits, found `-`"),
        ] {
            let error = tokens(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{text}: {error}");
        }
    }

    #[test]
    fn identifiers_fold_and_are_quoted_as_sql_does() {
        let name = |text: &str| Lexer::new(text).identifier("a name");
        assert_eq!(name("TeamOwner"), Ok("teamowner".into()));
        assert_eq!(name("\"TeamOwner\""), Ok("TeamOwner".into()));
        for bad in ["", "1", "'a'", "\"\"", &"a".repeat(64)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        for (name, shown) in [
            ("team_2", "team_2"),
            ("Team", "\"Team\""),
            ("user", "\"user\""),
            ("2nd", "\"2nd\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            assert_eq!(identifier(name), shown);
            assert_eq!(Lexer::new(shown).identifier("a name"), Ok(name.into()));
        }
    }
}
