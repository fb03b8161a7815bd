//! Precedence, unknown keys and bad values.

use std::path::Path;

use super::*;

fn settings(file: &str, environment: &[(&str, &str)]) -> Result<Layer, ConfigError> {
    let variables = environment
        .iter()
        .map(|(name, value)| (String::from(*name), String::from(*value)));
    let (environment, _) = from_environment(variables)?;
    Ok(merge(from_toml(Path::new("conclave.toml"), file)?, environment))
}

fn config(file: &str) -> Result<Config, ConfigError> {
    Config::from_settings(&settings(file, &[])?)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn the_defaults_are_right() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.listen, address("0.0.0.0:8080"));
    assert_eq!(config.media, [address("0.0.0.0:3478")]);
    assert_eq!(config.advertise, Vec::<IpAddr>::new());
    assert_eq!(
        (config.shards.get(), config.spread),
        (1, conclave_sfu::config::DEFAULT_SPREAD)
    );
    assert_eq!(config.sfu, None);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file_and_that_over_the_default() {
    let listen = Key::named("listen").unwrap();
    let file =
        "listen = \"127.0.0.1:1\"\nadvertise = [\"192.0.2.1\", \"2001:db8::1\"]\nmax_connections = 7\n";
    let mut all = settings(file, &[("CONCLAVE_LISTEN", "127.0.0.1:2"), ("PATH", "/bin")]).unwrap();
    let config = Config::from_settings(&all).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.advertise.len(), 2);
    assert_eq!(config.max_connections, 7);
    assert_eq!(config.max_connections_per_ip, 256);

    all.set(listen, String::from("3"), Source::Flag);
    assert_eq!(Config::from_settings(&all).unwrap().listen, address("0.0.0.0:3"));
}

#[test]
fn an_unknown_key_suggests_the_nearest_and_names_its_line() {
    for (wrong, right) in [
        ("lisen", "listen"),
        ("Listen", "listen"),
        ("advertised", "advertise"),
        ("sfu-token-file", "sfu_token_file"),
        ("max_connection", "max_connections"),
        ("log-format", "log_format"),
    ] {
        let error = config(&format!("# first line\n{wrong} = \"x\"\n"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("did you mean `{right}`?")),
            "{wrong}: {error}"
        );
        assert!(error.contains("conclave.toml:2"), "{error}");
    }
    let error = config("zzz = 1").unwrap_err().to_string();
    assert!(error.contains("print-default"), "{error}");
    let error = config("[listen]\nport = 1").unwrap_err().to_string();
    assert!(error.contains("listen: \"table\" is not a string"), "{error}");
}

#[test]
fn an_unknown_variable_suggests_the_nearest() {
    let error = settings("", &[("CONCLAVE_LISTN", "1")]).unwrap_err().to_string();
    assert!(
        error.contains("`CONCLAVE_LISTN`; did you mean `CONCLAVE_LISTEN`?"),
        "{error}"
    );
}

#[test]
fn a_bad_value_names_its_place_and_what_is_expected() {
    let error = Config::from_settings(&settings("", &[("CONCLAVE_LISTEN", "here")]).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CONCLAVE_LISTEN: \"here\" is not an address and port such as 0.0.0.0:8080, [::]:8080 or 8080"
    );
    let error = config("\nadvertise = \"1.2.3\"").unwrap_err().to_string();
    assert!(
        error.starts_with("conclave.toml:2: advertise: \"1.2.3\" is not a list of IP"),
        "{error}"
    );
    for file in [
        "listen = 8080",
        "listen = \"256.0.0.1:1\"",
        "media = \"0.0.0.0:1,0.0.0.0:2\"",
        "media = \"\"",
        "max_connections = 0",
        "max_connections = \"many\"",
        "log = \"loud\"",
        "log_format = \"xml\"",
        "sfu = \"http://sfu:7000\"",
        "sfu = \"ws://sfu:7000\"",
        "sfu_token_file = \"token\"",
        "listen = ",
    ] {
        assert!(config(file).is_err(), "{file}");
    }
}

#[test]
fn sites_that_may_embed_are_origins_and_nothing_else() {
    assert_eq!(Config::defaults().unwrap().embed_origins, Vec::<String>::new());
    let file =
        "embed_origins = [\"https://App.example:443/\", \"http://localhost:3000\", \"http://[::1]:80\"]";
    assert_eq!(
        config(file).unwrap().embed_origins,
        ["https://app.example", "http://localhost:3000", "http://[::1]"]
    );
    for wrong in [
        "*",
        "https://*",
        "https://",
        "app.example",
        "ftp://app.example",
        "https://app.example/path",
        "https://app.example;script-src *",
        "https://app.example 'unsafe-inline'",
        "https://user@app.example",
        "https://app.example:port",
        "null",
    ] {
        assert!(
            config(&format!("embed_origins = [\"{wrong}\"]")).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn tls_settings_hang_together() {
    assert_eq!(Config::defaults().unwrap().tls, None);
    let files =
        "tls = \"files\"\ntls_certificate = \"/etc/a.pem\"\ntls_key = \"/etc/a.key\"\nhttp_redirect = \"80\"";
    let files = config(files).unwrap();
    let expected = TlsConfig::Files {
        certificate: PathBuf::from("/etc/a.pem"),
        key: PathBuf::from("/etc/a.key"),
    };
    assert_eq!(files.tls, Some(expected));
    assert_eq!(files.http_redirect, Some(address("0.0.0.0:80")));

    let acme = "tls = \"acme\"\nacme_domains = [\"Meet.example\", \"call.example\"]\nacme_contact = \"me@meet.example\"";
    let Some(TlsConfig::Acme(acme)) = config(acme).unwrap().tls else {
        panic!("acme");
    };
    assert_eq!(acme.domains, ["meet.example", "call.example"]);
    assert_eq!(acme.contact.as_deref(), Some("me@meet.example"));
    assert_eq!(acme.root, None);
    let own = config("tls = \"self-signed\"\ntls_folder = \"/var/lib/tls\"").unwrap();
    assert_eq!(
        own.tls,
        Some(TlsConfig::SelfSigned(PathBuf::from("/var/lib/tls")))
    );

    for (file, needs) in [
        ("tls = \"files\"", "tls_certificate"),
        ("tls = \"files\"\ntls_certificate = \"a\"", "tls_key"),
        ("tls = \"acme\"", "acme_domains"),
        ("tls = \"self-signed\"\ntls_folder = \"\"", "tls_folder"),
        ("tls_key = \"a\"", "tls = \"files\""),
        ("acme_domains = \"meet.example\"", "tls = \"acme\""),
        ("tls = \"files\"\nacme_root = \"a\"", "tls = \"acme\""),
        ("http_redirect = \"80\"", "tls"),
    ] {
        let error = config(file).unwrap_err().to_string();
        assert!(error.contains(&format!("needs `{needs}`")), "{file}: {error}");
    }
    for wrong in [
        "tls = \"on\"",
        "tls = \"acme\"\nacme_domains = \"meet\"",
        "tls = \"acme\"\nacme_domains = \"192.0.2.1\"",
        "tls = \"acme\"\nacme_domains = \"*.meet.example\"",
        "tls = \"acme\"\nacme_domains = \"meet.example\"\nacme_contact = \"mailto:me@meet.example\"",
        "tls = \"acme\"\nacme_domains = \"meet.example\"\nacme_directory = \"http://acme.example\"",
    ] {
        assert!(config(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_port_alone_is_enough() {
    assert_eq!(
        config("listen = \":9000\"").unwrap().listen,
        address("0.0.0.0:9000")
    );
    assert_eq!(
        config("listen = \"localhost:9000\"").unwrap().listen,
        address("127.0.0.1:9000")
    );
    assert_eq!(
        config("media = \"9001\"").unwrap().media,
        [address("0.0.0.0:9001")]
    );
    let both = config("media = [\"192.0.2.1:9001\", \"[2001:db8::1]:9001\"]").unwrap();
    assert_eq!(both.media.len(), 2);
    let any = config("media = [\"[::]:9001\", \"0.0.0.0:9001\"]").unwrap();
    assert_eq!(any.media, [address("0.0.0.0:9001")]);
}

#[test]
fn a_stand_alone_sfu_is_named_by_url_and_token_file() {
    for (url, expected) in [
        ("ws://10.0.0.2:7000", "ws://10.0.0.2:7000/control"),
        ("ws://10.0.0.2:7000/", "ws://10.0.0.2:7000/control"),
        ("ws://sfu:7000/behind/a/proxy", "ws://sfu:7000/behind/a/proxy"),
    ] {
        let config = config(&format!("sfu = \"{url}\"\nsfu_token_file = \"/run/token\"")).unwrap();
        assert_eq!(config.sfu, Some(SfuUrl(String::from(expected))));
        assert_eq!(config.sfu_token_file, Some(PathBuf::from("/run/token")));
    }
}
