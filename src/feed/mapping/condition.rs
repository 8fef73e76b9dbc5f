//! Conditions on one column of a row, as people write them.
//!
//! Owns the closed set and its grammar. They are evaluated by our own code on decoded values, so
//! what is not here cannot be asked:
//!
//! ```text
//! column              a boolean column is true
//! NOT column          it is false (NULL is neither)
//! column IS NULL      column IS NOT NULL
//! column = literal    column IN (literal, …)
//! ```
//!
//! A literal is an integer, a 'text' (also for uuids and enums), or TRUE or FALSE after `=`.

use crate::feed::sql::{Lexer, Placed, SyntaxError, Token};
use crate::id::Key;

/// Values of one IN: a status has a handful, and each is compared with each row.
const VALUES_MAX: usize = 100;

/// A condition on one column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The column is NULL.
    IsNull(String),
    /// The column is not NULL.
    IsNotNull(String),
    /// The column is one of the values, which are integers or texts; NULL is none of them.
    In(String, Vec<Key>),
    /// The boolean column has this value; NULL is neither.
    Bool(String, bool),
}

/// A value that a column is compared with.
enum Literal {
    Key(Key),
    Bool(bool),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Where the text leaves the grammar, and what is expected there.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut lexer = Lexer::new(text);
        if lexer.take_if(|token| token.is_word("not"))? {
            let column = lexer.identifier("a boolean column after NOT")?;
            lexer.end("the end: NOT stands before a boolean column alone")?;
            return Ok(Condition::Bool(column, false));
        }
        let column = lexer.identifier("a column")?;
        let next = lexer.take()?;
        let condition = match &next.token {
            Token::End => return Ok(Condition::Bool(column, true)),
            Token::Mark('=') => equals(&mut lexer, column)?,
            is if is.is_word("is") => null(&mut lexer, column)?,
            is_in if is_in.is_word("in") => Condition::In(column, list(&mut lexer)?),
            _ => return Err(next.unexpected("`=`, IN, IS or the end")),
        };
        lexer.end("the end: a condition looks at one column, once")?;
        Ok(condition)
    }

    /// The column that it looks at.
    pub fn column(&self) -> &str {
        match self {
            Condition::IsNull(column)
            | Condition::IsNotNull(column)
            | Condition::In(column, _)
            | Condition::Bool(column, _) => column,
        }
    }
}

fn null(lexer: &mut Lexer<'_>, column: String) -> Result<Condition, SyntaxError> {
    let not = lexer.take_if(|token| token.is_word("not"))?;
    let placed = lexer.take()?;
    if !placed.token.is_word("null") {
        return Err(placed.unexpected(if not { "NULL" } else { "NULL or NOT NULL" }));
    }
    Ok(if not { Condition::IsNotNull(column) } else { Condition::IsNull(column) })
}

fn equals(lexer: &mut Lexer<'_>, column: String) -> Result<Condition, SyntaxError> {
    Ok(match literal(&lexer.take()?)? {
        Literal::Key(key) => Condition::In(column, vec![key]),
        Literal::Bool(value) => Condition::Bool(column, value),
    })
}

fn list(lexer: &mut Lexer<'_>) -> Result<Vec<Key>, SyntaxError> {
    let open = lexer.take()?;
    if open.token != Token::Mark('(') {
        return Err(open.unexpected("`(` after IN"));
    }
    let mut values: Vec<Key> = Vec::new();
    loop {
        let placed = lexer.take()?;
        let Literal::Key(value) = literal(&placed)? else {
            return Err(
                placed.unexpected("integers or texts (`column` or `NOT column` for booleans)")
            );
        };
        if values.len() >= VALUES_MAX {
            return Err(placed.unexpected(&format!("at most {VALUES_MAX} values")));
        }
        let alike = |first: &Key| std::mem::discriminant(first) == std::mem::discriminant(&value);
        if !values.first().is_none_or(alike) {
            return Err(placed.unexpected("integers only or texts only"));
        }
        values.push(value);
        let placed = lexer.take()?;
        match placed.token {
            Token::Mark(',') => {}
            Token::Mark(')') => return Ok(values),
            _ => return Err(placed.unexpected("`,` or `)`")),
        }
    }
}

fn literal(placed: &Placed) -> Result<Literal, SyntaxError> {
    match &placed.token {
        Token::Integer(number) => Ok(Literal::Key(Key::Int(*number))),
        Token::Text(text) => Ok(Literal::Key(Key::Text(text.as_str().into()))),
        word if word.is_word("true") => Ok(Literal::Bool(true)),
        word if word.is_word("false") => Ok(Literal::Bool(false)),
        word if word.is_word("null") => {
            Err(placed.unexpected("a value (nothing equals NULL: write IS NULL)"))
        }
        Token::Word(_) | Token::Quoted(_) => {
            Err(placed.unexpected("an integer or a text in single quotes"))
        }
        Token::Mark(_) | Token::End => {
            Err(placed.unexpected("an integer, a text in single quotes, TRUE or FALSE"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let text = |text: &str| Key::Text(text.into());
        let column = || "status".to_owned();
        for (written, condition) in [
            ("status", Condition::Bool(column(), true)),
            ("NOT status", Condition::Bool(column(), false)),
            ("status = TRUE", Condition::Bool(column(), true)),
            ("status=false", Condition::Bool(column(), false)),
            ("Status is null", Condition::IsNull(column())),
            ("status IS NOT NULL", Condition::IsNotNull(column())),
            ("status = 3", Condition::In(column(), vec![Key::Int(3)])),
            ("status = -3", Condition::In(column(), vec![Key::Int(-3)])),
            ("status = 'it''s'", Condition::In(column(), vec![text("it's")])),
            ("status IN (2, 3)", Condition::In(column(), vec![Key::Int(2), Key::Int(3)])),
            ("status in('a','b')", Condition::In(column(), vec![text("a"), text("b")])),
            ("\"Is Null\" IS NULL", Condition::IsNull("Is Null".into())),
            ("\"not\"", Condition::Bool("not".into(), true)),
        ] {
            assert_eq!(Condition::parse(written), Ok(condition), "{written}");
        }
    }

    #[test]
    fn everything_else_is_refused_where_it_begins() {
        for (written, position, expected) in [
            ("", 1, "a column"),
            ("3 = status", 1, "a column"),
            ("status <> 3", 8, "`=`, IN, IS or the end"),
            ("status >= 3", 8, "`=`, IN, IS or the end"),
            ("status NOT IN (3)", 8, "`=`, IN, IS or the end"),
            ("status = NULL", 10, "write IS NULL"),
            ("status = other", 10, "single quotes"),
            ("status = \"other\"", 10, "single quotes"),
            ("status =", 9, "an integer"),
            ("status IS 3", 11, "NULL or NOT NULL"),
            ("status IS NOT 3", 15, "NULL"),
            ("status IN 3", 11, "`(`"),
            ("status IN ()", 12, "an integer"),
            ("status IN (1, 'a')", 15, "integers only or texts only"),
            ("status IN (true)", 12, "`NOT column`"),
            ("status IN (1 2)", 14, "`,` or `)`"),
            ("status IN (1, NULL)", 15, "write IS NULL"),
            ("status = 3 AND active", 12, "one column"),
            ("NOT status = 3", 12, "alone"),
            ("NOT (status)", 5, "a boolean column"),
            ("status = 1.5", 11, "the end"),
        ] {
            let error = Condition::parse(written).unwrap_err();
            assert_eq!(error.position, position, "{written}: {error}");
            assert!(error.expected.contains(expected), "{written}: {error}");
        }
        let many = vec!["1"; VALUES_MAX + 1].join(",");
        let error = Condition::parse(&format!("status IN ({many})")).unwrap_err();
        assert!(error.expected.contains("at most 100"), "{error}");
    }
}
