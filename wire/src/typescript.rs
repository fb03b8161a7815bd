//! Generates the TypeScript types of the client protocol (`make types` writes them, `make lint` compares them).

use std::any::TypeId;
use std::collections::BTreeMap;

use ts_rs::{Config, TS, TypeVisitor};

use crate::{ClientMessage, PROTOCOL_VERSION, SUBPROTOCOL, ServerMessage, limits};

const HEAD: &str = "// Generated from the Rust types of wire/ by `make types`. Do not edit.\n";

/// The text of `client-web/src/wire/types.ts`.
pub fn module() -> String {
    let mut types = Declarations::default();
    types.add::<ClientMessage>();
    types.add::<ServerMessage>();
    let constants = format!(
        "export const SUBPROTOCOL = {SUBPROTOCOL:?};\nexport const PROTOCOL_VERSION = {PROTOCOL_VERSION};\nexport const MAX_APP = {};\n",
        limits::MAX_APP
    );
    std::iter::once(HEAD.to_owned())
        .chain(std::iter::once(constants))
        .chain(
            types
                .by_name
                .into_values()
                .map(|declaration| format!("export {declaration}\n")),
        )
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every type that a message reaches, by name.
#[derive(Default)]
struct Declarations {
    config: Config,
    seen: Vec<TypeId>,
    by_name: BTreeMap<String, String>,
}

impl Declarations {
    fn add<T: TS + 'static + ?Sized>(&mut self) {
        if self.seen.contains(&TypeId::of::<T>()) {
            return;
        }
        self.seen.push(TypeId::of::<T>());
        if T::output_path().is_some() {
            self.by_name.insert(T::name(&self.config), T::decl(&self.config));
        }
        T::visit_dependencies(self);
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>();
    }
}
