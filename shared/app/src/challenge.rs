//! The challenge that newcomers must solve if the operator wants one. A newcomer is not admitted unless it
//! is certain that they solved it.

use domain::{FieldCode, Refusal};

use crate::{App, Error};

/// Passes newcomers who solved the challenge, and everybody if there is none.
///
/// # Errors
/// [`Refusal::Invalid`] if it was not solved, [`Refusal::Busy`] if the verifier gives no answer.
pub(crate) async fn pass(app: &App, answer: Option<&str>) -> Result<(), Error> {
    let Some(settings) = &app.config.challenge else {
        return Ok(());
    };
    let Some(answer) = answer else {
        let message = "must be given: the answer to the challenge of the registration form";
        return Err(Refusal::field("challenge", FieldCode::Required, message).into());
    };
    let verifier = app.challenge_verifier(settings).await?;
    match verifier.is_solved(answer).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let message = "is not right, or was used before; solve another one";
            Err(Refusal::field("challenge", FieldCode::NotAllowed, message).into())
        }
        Err(unclear) => {
            tracing::error!(problem = %unclear, "nobody can register: the challenge cannot be verified");
            Err(Refusal::Busy.into())
        }
    }
}
