//! The list of all settings; `--help`, `config print-default`, the environment and the suggestions come from it.

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file; the flag has `-` for `_`, the environment variable is `CONCLAVE_` and upper case.
    pub name: &'static str,
    /// Its default as text; empty means "none".
    pub default: &'static str,
    /// Whether the file takes a number or a list here instead of a string.
    pub kind: Kind,
    /// What it does, for `config print-default`.
    pub help: &'static str,
}

/// How a setting is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `"text"`.
    Text,
    /// `["text", "text"]`, or one `"text"` with commas.
    List,
    /// `12`.
    Number,
}

impl Key {
    /// The environment variable of this setting.
    pub fn variable(&self) -> String {
        format!("{}{}", super::source::PREFIX, self.name.to_ascii_uppercase())
    }

    /// The flag of this setting.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// The setting with this name in the file.
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

/// Every setting.
pub const KEYS: &[Key] = &[
    Key {
        name: "listen",
        default: "0.0.0.0:8080",
        kind: Kind::Text,
        help: "TCP address of pages, API and WebSocket. A port alone means all IPv4 addresses.",
    },
    Key {
        name: "tls",
        default: "off",
        kind: Kind::Text,
        help: "Whether that address speaks TLS, which browsers want for camera and microphone: off (behind a proxy, or on\n\
               this host alone), acme (a certificate is fetched and renewed by itself), files, or self-signed (browsers\n\
               warn of it; for trying out in a local network).",
    },
    Key {
        name: "acme_domains",
        default: "",
        kind: Kind::List,
        help: "With acme: the names that this host has in the DNS. The authority must reach it on port 443.",
    },
    Key {
        name: "acme_contact",
        default: "",
        kind: Kind::Text,
        help: "With acme: an e-mail address for the authority's account. Empty: none.",
    },
    Key {
        name: "acme_directory",
        default: "https://acme-v02.api.letsencrypt.org/directory",
        kind: Kind::Text,
        help: "With acme: the directory of the authority, of Let's Encrypt or of one's own. Using it is agreeing to its terms.",
    },
    Key {
        name: "acme_root",
        default: "",
        kind: Kind::Text,
        help: "With acme: PEM file of the root that vouches for the directory's own TLS. Empty: those of the web.",
    },
    Key {
        name: "tls_folder",
        default: "conclave-tls",
        kind: Kind::Text,
        help: "With acme or self-signed: folder that keeps keys and certificates over restarts.",
    },
    Key {
        name: "tls_certificate",
        default: "",
        kind: Kind::Text,
        help: "With files: PEM file of the certificate and those it hangs on. It is read again when it changes.",
    },
    Key {
        name: "tls_key",
        default: "",
        kind: Kind::Text,
        help: "With files: PEM file of its private key.",
    },
    Key {
        name: "http_redirect",
        default: "",
        kind: Kind::Text,
        help: "With TLS: TCP address, usually port 80, where plain HTTP is sent on to https. Empty: none.",
    },
    Key {
        name: "media",
        default: "0.0.0.0:3478",
        kind: Kind::List,
        help: "Address of the media on UDP and TCP, or two: one IPv4, one IPv6. A port alone means all addresses,\n\
               and so does 0.0.0.0: IPv6, too, where the host has it.",
    },
    Key {
        name: "advertise",
        default: "",
        kind: Kind::List,
        help: "Addresses that browsers send media to. Empty: those of the interfaces.\n\
               Set it behind NAT or a load balancer.",
    },
    Key {
        name: "shards",
        default: "1",
        kind: Kind::Number,
        help: "Threads that forward media, at most 64. Each takes a port of its own: the media port and those after it.",
    },
    Key {
        name: "spread",
        default: "100",
        kind: Kind::Number,
        help: "Participants of one room on a media thread before further ones go to another, which its packets are\n\
               then passed on to.",
    },
    Key {
        name: "sfu",
        default: "",
        kind: Kind::Text,
        help: "Control link (ws://HOST:PORT) of a stand-alone conclave-sfu, used instead of the embedded SFU.",
    },
    Key {
        name: "sfu_token_file",
        default: "",
        kind: Kind::Text,
        help: "File with the token of that link, at least 16 characters.",
    },
    Key {
        name: "trusted_proxies",
        default: "",
        kind: Kind::List,
        help: "Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    },
    Key {
        name: "embed_origins",
        default: "",
        kind: Kind::List,
        help: "Other sites (https://app.example) whose pages may show meetings in a frame and use the SDK with this server.\n\
               Empty: none.",
    },
    Key {
        name: "max_connections_per_ip",
        default: "256",
        kind: Kind::Number,
        help: "Most participants' connections at a time from one IPv4 address or IPv6 /64.",
    },
    Key {
        name: "max_connections",
        default: "10000",
        kind: Kind::Number,
        help: "Most participants' connections at a time.",
    },
    Key {
        name: "state_folder",
        default: "",
        kind: Kind::Text,
        help: "Folder that keeps over restarts which rooms were burnt and what links are good for. It names no room.\n\
               Empty: that is kept in memory only.",
    },
    Key {
        name: "files_folder",
        default: "",
        kind: Kind::Text,
        help: "Folder for the ciphertext of shared files. Empty: the system's folder for temporary files, which may\n\
               be in memory. Nothing in it has a name or outlives the process.",
    },
    Key {
        name: "max_file_mib",
        default: "200",
        kind: Kind::Number,
        help: "Largest shared file in MiB. 0 turns files off.",
    },
    Key {
        name: "max_room_files_mib",
        default: "500",
        kind: Kind::Number,
        help: "Most MiB of shared files that one room holds at a time.",
    },
    Key {
        name: "max_files_mib",
        default: "2000",
        kind: Kind::Number,
        help: "Most MiB of shared files in all.",
    },
    Key {
        name: "log",
        default: "info",
        kind: Kind::Text,
        help: "What to log: error, warn, info, debug, or a filter such as info,conclave_signaling=debug.\n\
               No line names a room, a person or a participant's address.",
    },
    Key {
        name: "log_format",
        default: "text",
        kind: Kind::Text,
        help: "How to log: text or json.",
    },
];
