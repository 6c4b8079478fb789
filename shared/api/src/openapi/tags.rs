//! The groups of operations, and what each is about.

use super::operation::Table;

pub(crate) const SERVICE: Table = Table {
    tag: "service",
    about: "The service itself: whether it runs, its keys, this document.",
};
pub(crate) const ACCOUNTS: Table = Table {
    tag: "accounts",
    about: "Registering, signing in, one's profile and API keys.",
};
pub(crate) const MODELS: Table = Table {
    tag: "models",
    about: "What can be made, and what it costs.",
};
pub(crate) const GENERATIONS: Table = Table {
    tag: "generations",
    about: "Making images, videos and sound; what became of them.",
};
pub(crate) const STYLES: Table = Table {
    tag: "styles",
    about: "How results shall look, kept under a name and put to any prompt.",
};
pub(crate) const CREDITS: Table = Table {
    tag: "credits",
    about: "The wallet, its ledger, and ways to fill it.",
};
pub(crate) const PROJECTS: Table = Table {
    tag: "projects",
    about: "Where generations are filed, and who may look at them.",
};
pub(crate) const TEAMS: Table = Table {
    tag: "teams",
    about: "Working together: members, roles, invitations, a shared wallet.",
};
pub(crate) const FILES: Table = Table {
    tag: "files",
    about: "Uploading reference images.",
};
pub(crate) const WEBHOOK_ENDPOINTS: Table = Table {
    tag: "webhook-endpoints",
    about: "Being told what happens, at an address of your own.",
};
pub(crate) const ADMIN: Table = Table {
    tag: "admin",
    about: "For the platform's administrators.",
};
pub(crate) const WEBHOOKS: Table = Table {
    tag: "webhooks",
    about: "For the provider and for Stripe, whose signatures prove them.",
};

/// Every group, in the document's order.
pub(crate) const ALL: [Table; 12] = [
    SERVICE,
    ACCOUNTS,
    MODELS,
    GENERATIONS,
    STYLES,
    CREDITS,
    PROJECTS,
    TEAMS,
    FILES,
    WEBHOOK_ENDPOINTS,
    ADMIN,
    WEBHOOKS,
];
