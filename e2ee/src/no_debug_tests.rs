//! Secrets have no Debug: this module does not compile when one of these types has it.

macro_rules! assert_no_debug {
    ($($secret:ty),* $(,)?) => {$(
        const _: () = {
            /// With Debug there are two implementations for the type, and `_` below is ambiguous.
            trait AmbiguousIfDebug<A> {
                fn probe() {}
            }
            impl<T: ?Sized> AmbiguousIfDebug<()> for T {}
            struct HasDebug;
            impl<T: ?Sized + std::fmt::Debug> AmbiguousIfDebug<HasDebug> for T {}
            let _ = <$secret as AmbiguousIfDebug<_>>::probe;
        };
    )*};
}

assert_no_debug!(
    crate::RoomSecret,
    crate::HostKey,
    crate::SessionConfig,
    crate::Session,
    crate::CodeMaterial,
    crate::secrets::RoomKeys,
    crate::identity::Identity,
    crate::identity::LeafKey,
    crate::key_schedule::BaseKey,
    crate::keyring::Keyring,
    crate::keyring::NewEpoch,
    crate::frame::encrypt::Sender,
    crate::frame::decrypt::Receiver,
    crate::group::Mls,
    crate::group::join::JoinAttempt,
    crate::group::recover::ExternalAttempt,
);
