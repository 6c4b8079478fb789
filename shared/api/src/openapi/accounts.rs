//! Registering, signing in, one's profile and API keys.

use super::operation::{Operation, Table, Who};
use crate::accounts::{EraseAccount, Login, Profile, Register, SignedIn, UpdateProfile};
use crate::api_keys::{ApiKeyView, CreateApiKey};
use crate::emails::{DeclineEmail, LetterAsked, VerifyEmail};
use crate::list::List;
use crate::passwords::{AskForReset, ChangePassword, ResetPassword};
use crate::problem::Code;
use crate::schema;
use crate::sessions::{Logout, Refresh};

const TABLE: Table = Table { tag: "accounts" };

pub(super) fn operations() -> Vec<Operation> {
    [signing_in(), letters(), own()]
        .into_iter()
        .flatten()
        .collect()
}

fn signing_in() -> Vec<Operation> {
    let public = |path, id, summary| TABLE.operation(Who::Public, path, id, summary);
    vec![
        public("POST /auth/register", "accountsRegister", "Register")
            .says(
                "Makes an account and signs it in. A letter with a token goes to the e-mail; the sign-up bonus is booked \
                 when that is verified, once a mailbox for ever. A known e-mail is a conflict.",
            )
            .takes::<Register>()
            .answers::<SignedIn>(201, "Registered, and signed in.")
            .refuses(&[Code::Conflict]),
        public("POST /auth/login", "accountsLogin", "Sign in")
            .says(
                "An unknown e-mail and a wrong password get the same answer. Five failures in 15 minutes lock the e-mail, \
                 known or not, for the address that they come from, fifty for every address that it was not signed in \
                 from before. A reset by mail opens it.",
            )
            .takes::<Login>()
            .answers::<SignedIn>(200, "Signed in.")
            .refuses(&[Code::Unauthorized]),
        public("POST /auth/refresh", "accountsRefresh", "Stay signed in")
            .says(
                "Exchanges a refresh token for a new pair. The old one dies; whoever uses a dead one ends the session.",
            )
            .takes::<Refresh>()
            .answers::<SignedIn>(200, "A new pair.")
            .refuses(&[Code::Unauthorized]),
        TABLE
            .operation(Who::Person, "POST /auth/logout", "accountsLogout", "Sign out")
            .says("Ends this session; with `all`, every session and API key of yours.")
            .may_take::<Logout>()
            .answers_nothing(204, "Signed out."),
    ]
}

fn letters() -> Vec<Operation> {
    let public = |path, id, summary| TABLE.operation(Who::Public, path, id, summary);
    vec![
        public(
            "POST /auth/verify-email",
            "accountsVerifyEmail",
            "Verify an e-mail address",
        )
        .says(
            "Send the token with an access token of this account, or with a new password, which then ends every session \
             and API key. The sign-up bonus is booked with it.",
        )
        .takes::<VerifyEmail>()
        .answers_nothing(204, "Verified.")
        .refuses(&[Code::Unauthorized]),
        public(
            "POST /auth/verify-email/decline",
            "accountsVerifyEmailDecline",
            "Say that a new account is not yours",
        )
        .says(
            "Removes an account that somebody made with your e-mail and that was never verified. While a job of it runs \
             this is a conflict, but nobody can sign in to it any more: send it again later.",
        )
        .takes::<DeclineEmail>()
        .answers_nothing(204, "It is removed.")
        .refuses(&[Code::Conflict]),
        TABLE
            .operation(
                Who::Person,
                "POST /auth/verify-email/resend",
                "accountsVerifyEmailResend",
                "Ask for the letter again",
            )
            .answers::<LetterAsked>(202, "A letter is on its way.")
            .refuses(&[Code::Conflict]),
        public(
            "POST /auth/password-reset",
            "accountsPasswordReset",
            "Ask for a new password",
        )
        .says("The same answer whether or not the e-mail is known.")
        .takes::<AskForReset>()
        .answers::<LetterAsked>(202, "If somebody has this e-mail, a letter is on its way."),
        public(
            "POST /auth/password-reset/confirm",
            "accountsPasswordResetConfirm",
            "Set a new password",
        )
        .says("Verifies the e-mail, and ends every session and API key of its user.")
        .takes::<ResetPassword>()
        .answers_nothing(204, "It is set."),
    ]
}

fn own() -> Vec<Operation> {
    let person = |path, id, summary| TABLE.operation(Who::Person, path, id, summary);
    vec![
        person("GET /me", "accountsMe", "Your profile").answers::<Profile>(200, "Your profile."),
        person("PATCH /me", "accountsMeUpdate", "Change your profile")
            .says("What is not there stays as it is; null takes it away.")
            .takes::<UpdateProfile>()
            .answers::<Profile>(200, "Your profile as it is now."),
        person("DELETE /me", "accountsMeDelete", "Erase your account")
            .says("Your personal data, sessions, keys and media. Not while a generation of yours runs.")
            .takes::<EraseAccount>()
            .answers_nothing(204, "It is erased.")
            .refuses(&[Code::Conflict]),
        person(
            "POST /me/password",
            "accountsPasswordChange",
            "Change your password",
        )
        .says("Ends your other sessions. Your API keys go on working unless you send `revoke_api_keys`.")
        .takes::<ChangePassword>()
        .answers_nothing(204, "It is changed.")
        .refuses(&[Code::Conflict]),
        person("GET /me/api-keys", "accountsKeysList", "Your API keys")
            .pages()
            .answers::<List<ApiKeyView>>(200, "A page, newest first.")
            .refuses(&[Code::ValidationFailed]),
        person("POST /me/api-keys", "accountsKeysCreate", "Make an API key")
            .says("`secret` is shown this once.")
            .takes::<CreateApiKey>()
            .answers::<ApiKeyView>(201, "The key, with its secret.")
            .refuses(&[Code::Conflict]),
        person(
            "DELETE /me/api-keys/{key_id}",
            "accountsKeysDelete",
            "Delete an API key",
        )
        .names::<schema::KeyId>("key_id", "The key.")
        .answers_nothing(204, "It is gone."),
    ]
}
