//! Query parameters: each endpoint names those it takes, and every other parameter is refused by its name.

use domain::{FieldCode, FieldError, Refusal};

use crate::body::Problems;

/// The most that one page holds.
pub(crate) const LIMIT_MAX: u32 = 100;
/// The length of a page if the client gives no `limit`.
pub(crate) const LIMIT_DEFAULT: u32 = 20;

/// The query parameters of one request, while they are checked.
pub struct Query {
    pairs: Vec<(String, String)>,
    problems: Problems,
    known: Vec<&'static str>,
}

impl Query {
    /// Holds the parameters as they came, decoded.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self {
            pairs,
            problems: Problems::default(),
            known: Vec::new(),
        }
    }

    /// Returns the value of `name`, if it was given. A parameter that is given twice is refused.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self
            .pairs
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone());
        let first = values.next()?;
        if values.next().is_some() {
            self.problems
                .add(name, FieldCode::Malformed, "must be given once");
        }
        Some(first)
    }

    /// Returns the value of `name` as `parse` reads it. A value that it cannot read is refused, and the
    /// refusal says what was `expected`.
    pub fn value<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.problems
                .add(name, FieldCode::NotAllowed, format!("must be {expected}"));
        }
        parsed
    }

    /// Returns the value of `name`, which must be given, as `parse` reads it.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if !self.pairs.iter().any(|(key, _)| key == name) {
            self.problems
                .add(name, FieldCode::Required, "must be given");
        }
        self.value(name, expected, parse)
    }

    /// Returns the whole number that `name` gives, which must be in `range`.
    pub fn number(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let (min, max) = (*range.start(), *range.end());
        let text = self.text(name)?;
        match text.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(_) => {
                self.problems.add(
                    name,
                    FieldCode::OutOfRange,
                    format!("must be from {min} to {max}"),
                );
                None
            }
            Err(_) => {
                self.problems.add(
                    name,
                    FieldCode::WrongType,
                    format!("must be a whole number from {min} to {max}"),
                );
                None
            }
        }
    }

    /// Returns the greatest length of a page: `limit`, 1 to 100, 20 if not given.
    pub fn limit(&mut self) -> u32 {
        self.number("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_DEFAULT)
    }

    /// Notes a problem that the endpoint found itself.
    pub fn problem(&mut self, error: FieldError) {
        self.problems.push(error);
    }

    /// Returns `value` if every parameter was known and valid.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each parameter that was not.
    pub fn finish<T>(self, value: T) -> Result<T, Refusal> {
        self.finish_required(Some(value))
    }

    /// `value`, if every parameter was known and valid; it is `None` only if one that is required was not.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each parameter that was not.
    pub fn finish_required<T>(mut self, value: Option<T>) -> Result<T, Refusal> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in &self.pairs {
            if !self.known.contains(&name.as_str()) && !seen.contains(&name.as_str()) {
                seen.push(name);
                let name: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
                self.problems
                    .add(name, FieldCode::Unknown, "there is no such query parameter");
            }
        }
        self.problems.or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let mut query = query(&[("limit", "0"), ("limitt", "5"), ("status", "gone")]);
        let limit = query.limit();
        let status = query.value("status", "done", |text| (text == "done").then_some(()));
        let Err(Refusal::Invalid(errors)) = query.finish((limit, status)) else {
            panic!("accepted")
        };
        let named: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
        assert_eq!(
            named,
            [
                ("limit", FieldCode::OutOfRange),
                ("status", FieldCode::NotAllowed),
                ("limitt", FieldCode::Unknown)
            ]
        );
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let mut query = query(&[("limit", "5"), ("limit", "6")]);
        let limit = query.limit();
        assert!(query.finish(limit).is_err());
    }
}
