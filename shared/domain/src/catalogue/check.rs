//! The check of a request against its model. Everything wrong is reported; nothing is dropped, clamped or
//! filled in.

use super::{
    Kind, Model, NEGATIVE_PROMPT_CHARS_MAX, NUM_IMAGES, PROMPT_CHARS_MAX, Parameter, Prompt,
    Reference, Takes, Value, When,
};
use crate::ids::FileId;
use crate::refusal::{FieldCode, FieldError};
use crate::text::is_blank;

/// The most problems that are reported at once.
const PROBLEMS_MAX: usize = 20;

/// A client's request to a model.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The prompt.
    pub prompt: Option<&'a str>,
    /// The negative prompt.
    pub negative_prompt: Option<&'a str>,
    /// The model's parameters.
    pub parameters: &'a [(String, Value)],
    /// Whether there is a reference image.
    pub has_reference: bool,
}

/// A request that passed the check of its model. Its price comes from
/// [`Offers::price`](super::Offers::price).
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The model's id.
    pub model: &'static str,
    /// The kind of media that it makes.
    pub kind: Kind,
    /// The number of units.
    pub units: u32,
    /// The provider's paths, the preferred one first.
    pub paths: &'static [&'static str],
    /// The provider's field for the reference image, if there is one.
    pub reference_field: Option<&'static str>,
    /// The other inputs for the provider: its own field names, and the values as they were given.
    pub inputs: Vec<(&'static str, Value)>,
    /// Uploaded images among the parameters: our field, the provider's field, the file.
    pub images: Vec<(&'static str, &'static str, FileId)>,
}

impl Model {
    /// Checks `asked` and returns the order that it makes.
    ///
    /// # Errors
    /// Every field that is wrong, at most twenty.
    pub fn check(&'static self, asked: &Asked<'_>) -> Result<Order, Vec<FieldError>> {
        let mut problems = Vec::new();
        let mut inputs = Vec::new();
        let mut images = Vec::new();
        self.check_prompts(asked, &mut inputs, &mut problems);
        let reference_field = self.check_reference(asked, &mut problems);
        for parameter in self
            .parameters
            .iter()
            .filter(|parameter| parameter.required)
        {
            if !asked
                .parameters
                .iter()
                .any(|(name, _)| name == parameter.name)
            {
                problems.push(error(
                    parameter.name,
                    FieldCode::Required,
                    "must be given".to_owned(),
                ));
            }
        }
        for (name, value) in asked.parameters {
            match self.check_parameter(name, value, asked.has_reference) {
                Ok((parameter, None)) => inputs.push((parameter.upstream, value.clone())),
                Ok((parameter, Some(file))) => {
                    images.push((parameter.name, parameter.upstream, file))
                }
                Err(problem) => problems.push(problem),
            }
        }
        let count = asked.parameters.iter().find(|(name, _)| name == NUM_IMAGES);
        let units = count.and_then(|(_, value)| u32::try_from(value.integer()?).ok());
        let units = units.unwrap_or(1);
        problems.truncate(PROBLEMS_MAX);
        let paths = match self.reference {
            Reference::Optional { paths, .. } if asked.has_reference => paths,
            Reference::None | Reference::Optional { .. } | Reference::Required { .. } => self.paths,
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Order {
            model: self.id,
            kind: self.kind,
            units,
            paths,
            reference_field,
            inputs,
            images,
        })
    }

    fn check_prompts(
        &self,
        asked: &Asked<'_>,
        inputs: &mut Vec<(&'static str, Value)>,
        problems: &mut Vec<FieldError>,
    ) {
        let mut problem =
            |field: &str, code, message: &str| problems.push(FieldError::new(field, code, message));
        match (self.prompt, asked.prompt) {
            (Prompt::Required, None) => problem("prompt", FieldCode::Required, "must be given"),
            (Prompt::None, Some(_)) => {
                problem(
                    "prompt",
                    FieldCode::Unsupported,
                    &format!("{} takes no prompt", self.id),
                );
            }
            (Prompt::Required | Prompt::Optional, Some(prompt)) => {
                match check_text(prompt, PROMPT_CHARS_MAX) {
                    Ok(()) => inputs.push(("prompt", Value::Text(prompt.to_owned()))),
                    Err((code, message)) => problem("prompt", code, &message),
                }
            }
            (Prompt::Optional | Prompt::None, None) => {}
        }
        let Some(negative) = asked.negative_prompt else {
            return;
        };
        if !self.negative_prompt {
            return problem(
                "negative_prompt",
                FieldCode::Unsupported,
                &format!("{} takes no negative prompt", self.id),
            );
        }
        match check_text(negative, NEGATIVE_PROMPT_CHARS_MAX) {
            Ok(()) => inputs.push(("negative_prompt", Value::Text(negative.to_owned()))),
            Err((code, message)) => problem("negative_prompt", code, &message),
        }
    }

    fn check_reference(
        &self,
        asked: &Asked<'_>,
        problems: &mut Vec<FieldError>,
    ) -> Option<&'static str> {
        let field = "reference_file_id";
        match (self.reference, asked.has_reference) {
            (Reference::None, true) => {
                let message = format!("{} takes no reference image", self.id);
                problems.push(FieldError::new(field, FieldCode::Unsupported, message));
                None
            }
            (Reference::Required { .. }, false) => {
                let message = format!("{} needs a reference image", self.id);
                problems.push(FieldError::new(field, FieldCode::Required, message));
                None
            }
            (Reference::None | Reference::Optional { .. }, false) => None,
            (Reference::Optional { field, .. } | Reference::Required { field }, true) => {
                Some(field)
            }
        }
    }

    fn check_parameter(
        &self,
        name: &str,
        value: &Value,
        has_reference: bool,
    ) -> Result<(&'static Parameter, Option<FileId>), FieldError> {
        let Some(parameter) = self
            .parameters
            .iter()
            .find(|parameter| parameter.name == name)
        else {
            let message = format!("{} has no such parameter", self.id);
            return Err(error(&clean(name), FieldCode::Unknown, message));
        };
        let refused = match (parameter.when, has_reference) {
            (When::WithReference, false) => Some("is only taken together with a reference image"),
            (When::WithoutReference, true) => Some("is not taken together with a reference image"),
            (When::Always | When::WithReference | When::WithoutReference, _) => None,
        };
        if let Some(message) = refused {
            return Err(error(name, FieldCode::Unsupported, message.to_owned()));
        }
        match parameter.takes.check(value) {
            Ok(file) => Ok((parameter, file)),
            Err((code, message)) => Err(error(name, code, message)),
        }
    }
}

impl Takes {
    /// Checks that `value` is taken. Returns the file that it names, if it names one.
    fn check(self, value: &Value) -> Result<Option<FileId>, (FieldCode, String)> {
        let wrong = |message: String| Err((FieldCode::WrongType, message));
        match (self, value) {
            (Self::Boolean, Value::Bool(_)) => Ok(None),
            (Self::Boolean, _) => wrong("must be true or false".to_owned()),
            (Self::Integer { min, max }, Value::Integer(number))
                if (min..=max).contains(number) =>
            {
                Ok(None)
            }
            (Self::Integer { min, max }, Value::Integer(_)) => Err((
                FieldCode::OutOfRange,
                format!("must be from {min} to {max}"),
            )),
            (Self::Integer { min, max }, _) => {
                wrong(format!("must be a whole number from {min} to {max}"))
            }
            (Self::Number { min, max }, Value::Integer(number)) => {
                in_range(*number as f64, min, max)
            }
            (Self::Number { min, max }, Value::Number(number)) => in_range(*number, min, max),
            (Self::Number { min, max }, _) => {
                wrong(format!("must be a number from {min} to {max}"))
            }
            (Self::Choice(choices), Value::Text(text)) if choices.contains(&text.as_str()) => {
                Ok(None)
            }
            (Self::Choice(choices), Value::Text(_)) => Err((
                FieldCode::NotAllowed,
                format!("must be one of {}", choices.join(", ")),
            )),
            (Self::Choice(choices), _) => {
                wrong(format!("must be a text, one of {}", choices.join(", ")))
            }
            (Self::Image, Value::Text(text)) => match FileId::parse(text) {
                Some(file) => Ok(Some(file)),
                None => Err((FieldCode::NotFound, "there is no such file".to_owned())),
            },
            (Self::Image, _) => wrong("must be the id of an uploaded image".to_owned()),
        }
    }
}

fn in_range(number: f64, min: f64, max: f64) -> Result<Option<FileId>, (FieldCode, String)> {
    if number >= min && number <= max {
        Ok(None)
    } else {
        Err((
            FieldCode::OutOfRange,
            format!("must be from {min} to {max}"),
        ))
    }
}

fn check_text(text: &str, chars_max: usize) -> Result<(), (FieldCode, String)> {
    if is_blank(text) {
        return Err((FieldCode::TooShort, "must not be empty".to_owned()));
    }
    if text.chars().count() > chars_max {
        return Err((
            FieldCode::TooLong,
            format!("must have at most {chars_max} characters"),
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err((
            FieldCode::Malformed,
            "must not have control characters".to_owned(),
        ));
    }
    Ok(())
}

fn error(parameter: &str, code: FieldCode, message: String) -> FieldError {
    FieldError::new(format!("parameters.{parameter}"), code, message)
}

/// Makes a client's parameter name, which may hold anything, short and clean enough to be told back.
fn clean(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{find, models};
    use super::*;
    use proptest::prelude::*;

    fn asked<'a>(parameters: &'a [(String, Value)]) -> Asked<'a> {
        Asked {
            prompt: Some("a lighthouse"),
            negative_prompt: None,
            parameters,
            has_reference: false,
        }
    }

    fn one(name: &str, value: Value) -> Vec<(String, Value)> {
        vec![(name.to_owned(), value)]
    }

    fn refused(model: &str, asked: &Asked<'_>) -> Vec<(String, FieldCode)> {
        let model = find(model).expect("a model");
        let problems = model.check(asked).expect_err("refused");
        problems
            .into_iter()
            .map(|problem| (problem.field, problem.code))
            .collect()
    }

    #[test]
    fn whatever_a_model_does_not_take_is_named() {
        let cases = [
            (
                "veo3",
                one("fps", Value::Integer(25)),
                "parameters.fps",
                FieldCode::Unknown,
            ),
            (
                "veo3",
                one("duration", Value::Integer(8)),
                "parameters.duration",
                FieldCode::WrongType,
            ),
            (
                "veo3",
                one("duration", Value::Text("7s".to_owned())),
                "parameters.duration",
                FieldCode::NotAllowed,
            ),
            (
                "flux-dev",
                one("num_images", Value::Integer(5)),
                "parameters.num_images",
                FieldCode::OutOfRange,
            ),
            (
                "flux-dev",
                one("num_images", Value::Number(1.5)),
                "parameters.num_images",
                FieldCode::WrongType,
            ),
            (
                "flux-dev",
                one("guidance_scale", Value::Number(f64::NAN)),
                "parameters.guidance_scale",
                FieldCode::OutOfRange,
            ),
            (
                "flux-dev",
                one("seed", Value::Null),
                "parameters.seed",
                FieldCode::WrongType,
            ),
            (
                "flux-dev",
                one("seed", Value::Nested),
                "parameters.seed",
                FieldCode::WrongType,
            ),
            (
                "flux-pro-ultra",
                one("sync_mode", Value::Bool(true)),
                "parameters.sync_mode",
                FieldCode::Unknown,
            ),
        ];
        for (model, parameters, field, code) in cases {
            assert_eq!(
                refused(model, &asked(&parameters)),
                [(field.to_owned(), code)],
                "{model}"
            );
        }
    }

    #[test]
    fn negative_prompts_and_references_reach_the_models_that_take_them_and_no_other() {
        for model in models() {
            let parameters: Vec<_> = model
                .parameters
                .iter()
                .filter(|parameter| parameter.required)
                .map(|p| {
                    (
                        p.name.to_owned(),
                        Value::Text(format!("fil_{}", "0".repeat(26))),
                    )
                })
                .collect();
            let prompt = (model.prompt != Prompt::None).then_some("a lighthouse");
            let has_reference = !matches!(model.reference, Reference::None);
            let both = Asked {
                prompt,
                negative_prompt: Some("fog"),
                parameters: &parameters,
                has_reference,
            };
            match model.check(&both) {
                Ok(order) => {
                    assert!(model.negative_prompt, "{}", model.id);
                    assert!(
                        order
                            .inputs
                            .contains(&("negative_prompt", Value::Text("fog".to_owned())))
                    );
                    assert_eq!(order.reference_field.is_some(), has_reference);
                }
                Err(problems) => {
                    assert!(!model.negative_prompt, "{}: {problems:?}", model.id);
                    assert_eq!(problems.len(), 1, "{}: {problems:?}", model.id);
                }
            }
        }
    }

    #[test]
    fn a_prompt_must_say_something_and_not_too_much() {
        let prompt = |text: &str| {
            refused(
                "veo3",
                &Asked {
                    prompt: Some(text),
                    ..asked(&[])
                },
            )
        };
        assert_eq!(prompt(" \n "), [("prompt".to_owned(), FieldCode::TooShort)]);
        assert_eq!(
            prompt(&"é".repeat(2_001)),
            [("prompt".to_owned(), FieldCode::TooLong)]
        );
        assert_eq!(
            prompt("a\u{0}b"),
            [("prompt".to_owned(), FieldCode::Malformed)]
        );
        let missing = refused(
            "veo3",
            &Asked {
                prompt: None,
                ..asked(&[])
            },
        );
        assert_eq!(missing, [("prompt".to_owned(), FieldCode::Required)]);
    }

    proptest! {
        #[test]
        fn each_image_is_a_unit(images in 1_i64..=4) {
            let parameters = one(NUM_IMAGES, Value::Integer(images));
            for model in models().iter().filter(|m| m.parameters.iter().any(|p| p.name == NUM_IMAGES)) {
                let asked = Asked { has_reference: !matches!(model.reference, Reference::None), ..asked(&parameters) };
                let order = model.check(&asked).expect("in range");
                prop_assert_eq!(i64::from(order.units), images);
            }
        }

        #[test]
        fn a_number_outside_its_range_is_never_clamped(number in any::<f64>(), integer in any::<i64>()) {
            for model in models() {
                for parameter in model.parameters {
                    let taken = |value| parameter.takes.check(&value).is_ok();
                    match parameter.takes {
                        Takes::Integer { min, max } => {
                            prop_assert_eq!(taken(Value::Integer(integer)), (min..=max).contains(&integer));
                            prop_assert!(!taken(Value::Number(number)));
                        }
                        Takes::Number { min, max } => {
                            prop_assert_eq!(taken(Value::Number(number)), number >= min && number <= max);
                        }
                        Takes::Boolean | Takes::Choice(_) | Takes::Image => {
                            prop_assert!(!taken(Value::Number(number)) && !taken(Value::Integer(integer)));
                        }
                    }
                }
            }
        }
    }
}
