//! Registering, signing in, one's profile and API keys.

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{accounts, api_keys, emails, passwords, schema, sessions};

const TABLE: Table = Table { tag: "accounts" };

pub(super) fn operations() -> Vec<Operation> {
    [signing_in(), letters(), own()]
        .into_iter()
        .flatten()
        .collect()
}

fn signing_in() -> Vec<Operation> {
    vec![
        TABLE.operation(&accounts::REGISTER, "accountsRegister", "Register")
            .says(
                "Makes an account and signs it in. A letter with a token goes to the e-mail; the sign-up bonus is booked \
                 when that is verified, once a mailbox for ever. A known e-mail is a conflict.",
            )
            .answers("Registered, and signed in.")
            .refuses(&[Code::Conflict]),
        TABLE.operation(&accounts::LOGIN, "accountsLogin", "Sign in")
            .says(
                "An unknown e-mail and a wrong password get the same answer. Five failures in 15 minutes lock the e-mail, \
                 known or not, for the address that they come from, fifty for every address that it was not signed in \
                 from before. A reset by mail opens it.",
            )
            .answers("Signed in.")
            .refuses(&[Code::Unauthorized]),
        TABLE.operation(&sessions::REFRESH, "accountsRefresh", "Stay signed in")
            .says(
                "Exchanges a refresh token for a new pair. The old one dies; whoever uses a dead one ends the session.",
            )
            .answers("A new pair.")
            .refuses(&[Code::Unauthorized]),
        TABLE.operation(&sessions::LOGOUT, "accountsLogout", "Sign out")
            .says("Ends this session; with `all`, every session and API key of yours.")
            .answers("Signed out."),
    ]
}

fn letters() -> Vec<Operation> {
    vec![
        TABLE.operation(&emails::VERIFY, "accountsVerifyEmail", "Verify an e-mail address")
        .says(
            "Send the token with an access token of this account, or with a new password, which then ends every session \
             and API key. The sign-up bonus is booked with it.",
        )
        .answers("Verified.")
        .refuses(&[Code::Unauthorized]),
        TABLE.operation(&emails::DECLINE, "accountsVerifyEmailDecline", "Say that a new account is not yours")
        .says(
            "Removes an account that somebody made with your e-mail and that was never verified. While a job of it runs \
             this is a conflict, but nobody can sign in to it any more: send it again later.",
        )
        .answers("It is removed.")
        .refuses(&[Code::Conflict]),
        TABLE.operation(&emails::RESEND, "accountsVerifyEmailResend", "Ask for the letter again")
            .answers("A letter is on its way.")
            .refuses(&[Code::Conflict]),
        TABLE.operation(&passwords::ASK_FOR_RESET, "accountsPasswordReset", "Ask for a new password")
        .says("The same answer whether or not the e-mail is known.")
        .answers("If somebody has this e-mail, a letter is on its way."),
        TABLE.operation(&passwords::RESET, "accountsPasswordResetConfirm", "Set a new password")
        .says("Verifies the e-mail, and ends every session and API key of its user.")
        .answers("It is set."),
    ]
}

fn own() -> Vec<Operation> {
    vec![
        TABLE.operation(&accounts::GET_ME, "accountsMe", "Your profile").answers("Your profile."),
        TABLE.operation(&accounts::UPDATE_ME, "accountsMeUpdate", "Change your profile")
            .says("What is not there stays as it is; null takes it away.")
            .answers("Your profile as it is now."),
        TABLE.operation(&accounts::DELETE_ME, "accountsMeDelete", "Erase your account")
            .says("Your personal data, sessions, keys and media. Not while a generation of yours runs.")
            .answers("It is erased.")
            .refuses(&[Code::Conflict]),
        TABLE.operation(&passwords::CHANGE, "accountsPasswordChange", "Change your password")
        .says("Ends your other sessions. Your API keys go on working unless you send `revoke_api_keys`.")
        .answers("It is changed.")
        .refuses(&[Code::Conflict]),
        TABLE.operation(&api_keys::LIST, "accountsKeysList", "Your API keys")
            .pages()
            .answers("A page, newest first.")
            .refuses(&[Code::ValidationFailed]),
        TABLE.operation(&api_keys::CREATE, "accountsKeysCreate", "Make an API key")
            .says("`secret` is shown this once.")
            .answers("The key, with its secret.")
            .refuses(&[Code::Conflict]),
        TABLE.operation(&api_keys::DELETE, "accountsKeysDelete", "Delete an API key")
        .names::<schema::KeyId>("key_id", "The key.")
        .answers("It is gone."),
    ]
}
