//! The words of expressions.

use super::ExpressionError;

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

/// A word and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Byte position in the text.
    pub at: usize,
    /// One past its last byte.
    pub end: usize,
    /// What it is.
    pub kind: TokenKind<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// A bare name or a keyword.
    Word(&'t str),
    /// A name in backticks.
    Name(String),
    /// 'text'
    Text(String),
    /// An unsigned number as written.
    Number(&'t str),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Every symbol, longer ones before those they start with.
const SYMBOLS: &[&str] = &[
    "->", "<=", ">=", "<>", "!=", ":=", "||", "=>", "(", ")", "[", "]", ",", ".", "+", "-", "*",
    "/", "%", "=", "<", ">", ":",
];

/// All words of `text`, which stands `offset` bytes into what errors are about.
pub(super) fn tokens(text: &str, offset: usize) -> Result<Vec<Token<'_>>, ExpressionError> {
    if text.len() > MAX_LENGTH {
        let problem = format!("an expression has at most {MAX_LENGTH} bytes");
        return Err(ExpressionError::new(offset, problem));
    }
    let mut lexer = Lexer { text, at: 0, offset, operand: false };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    offset: usize,
    /// Whether the last word can be followed by a step, so that `.5` is none.
    operand: bool,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, at: usize, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.offset + at, problem)
    }

    fn next(&mut self) -> Result<Token<'t>, ExpressionError> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let at = self.at;
        let kind = self.kind()?;
        self.operand = match kind {
            TokenKind::Symbol(symbol) => symbol == "]" || symbol == ")",
            _ => true,
        };
        Ok(Token { at, end: self.at, kind })
    }

    fn kind(&mut self) -> Result<TokenKind<'t>, ExpressionError> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else {
            return Ok(TokenKind::End);
        };
        let second = characters.next();
        let fraction = first == '.' && !self.operand && second.is_some_and(|c| c.is_ascii_digit());
        match first {
            '\'' => Ok(TokenKind::Text(self.quoted('\'')?)),
            '`' => Ok(TokenKind::Name(self.quoted('`')?)),
            '0'..='9' => self.number(),
            _ if fraction => self.number(),
            _ if first.is_alphabetic() || first == '_' => {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                Ok(TokenKind::Word(self.take_while(word)))
            }
            '"' => Err(self.error(
                self.at,
                "a text stands in 'single quotes', and a name that is no word in `backticks`",
            )),
            _ => self.symbol(first),
        }
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind<'t>, ExpressionError> {
        let rest = self.rest();
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(&"=>") => Err(self.error(self.at, "lambdas are not supported")),
            Some(symbol) => {
                self.at += symbol.len();
                Ok(TokenKind::Symbol(symbol))
            }
            None => Err(self.error(self.at, format!("'{first}' means nothing here"))),
        }
    }

    /// The text between quotes; a doubled quote stands for one.
    fn quoted(&mut self, quote: char) -> Result<String, ExpressionError> {
        let (start, mut text) = (self.at, String::new());
        self.at += quote.len_utf8();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                return Err(self.error(start, format!("the closing {quote} is missing")));
            };
            text += rest.get(..end).unwrap_or_default();
            self.at += end + quote.len_utf8();
            if !self.rest().starts_with(quote) {
                return Ok(text);
            }
            text.push(quote);
            self.at += quote.len_utf8();
        }
    }

    fn number(&mut self) -> Result<TokenKind<'t>, ExpressionError> {
        let (start, digit) = (self.at, |c: char| c.is_ascii_digit());
        self.take_while(digit);
        let mut behind = self.rest().chars().skip(1);
        if self.rest().starts_with('.') && behind.next().is_some_and(digit) {
            self.at += 1;
            self.take_while(digit);
        }
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            self.at += usize::from(self.rest().starts_with(['+', '-']));
            if self.take_while(digit).is_empty() {
                return Err(self.error(start, "a number's exponent needs digits, as in 1e3"));
            }
        }
        if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(self.error(
                start,
                "a name does not start with a digit; write such a name in `backticks`",
            ));
        }
        Ok(TokenKind::Number(self.text.get(start..self.at).unwrap_or_default()))
    }
}
