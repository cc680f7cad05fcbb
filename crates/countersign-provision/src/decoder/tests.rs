use proptest::prelude::*;

use super::*;

fn names(decoder: &Decoder, values: &[&str]) -> Vec<String> {
    let decoded = decoder.decode(values);
    assert!(decoded.complete, "{values:?}");
    decoded.names
}

/// What decoded of values that do not all have the form.
fn partly(decoder: &Decoder, values: &[&str]) -> Vec<String> {
    let decoded = decoder.decode(values);
    assert!(!decoded.complete, "{values:?}");
    decoded.names
}

#[test]
fn values_are_names_whatever_they_hold() {
    let values = Decoder::values();
    for name in [
        r#"["admins"]"#,
        "x;admins",
        "/a/b",
        "CN=admins,DC=acme",
        " a ",
        "a\nb",
    ] {
        assert_eq!(names(&values, &[name]), [name]);
    }
    assert_eq!(
        names(&values, &["", "b"]),
        ["b"],
        "an empty value is no name"
    );
    assert_eq!(names(&values, &["e\u{301}"]), ["\u{e9}"], "NFC");
}

#[test]
fn one_value_is_split_at_the_delimiter() {
    let split = Decoder::split(";").unwrap();
    assert_eq!(names(&split, &["a;b c;;d;"]), ["a", "b c", "d"]);
    assert_eq!(names(&split, &["alone"]), ["alone"]);
    assert_eq!(names(&split, &[""]), [""; 0]);
    assert_eq!(names(&Decoder::split("; ").unwrap(), &["a; b"]), ["a", "b"]);
    assert_eq!(Decoder::split(""), None);
}

/// Attack: at a provider that sends one value a group, somebody names a group `x;admins`.
#[test]
fn a_group_named_with_the_delimiter_is_not_split_among_several_values() {
    let split = Decoder::split(";").unwrap();
    assert_eq!(partly(&split, &["nurses", "x;admins"]), ["nurses"]);
}

/// Attack: a name that becomes another one if the white space around it is taken away.
#[test]
fn white_space_around_a_name_is_not_taken_away() {
    let split = Decoder::split(";").unwrap();
    assert_eq!(partly(&split, &["nurses; admins"]), [""; 0]);
    assert_eq!(partly(&split, &["nurses;admins\u{a0}"]), [""; 0]);
}

#[test]
fn a_common_name_is_read_out_of_a_distinguished_name() {
    let decoder = Decoder::common_name();
    for (value, name) in [
        ("CN=admins,OU=Groups,DC=acme,DC=example", "admins"),
        ("cn=Ward Managers", "Ward Managers"),
        ("2.5.4.3=admins,DC=acme", "admins"),
        (r"CN=R\26D\, Europe,DC=acme", "R&D, Europe"),
        (r"CN=Gr\C3\BC\C3\9Fe,DC=acme", "Gr\u{fc}\u{df}e"),
        (r"CN=\#1 \+ \=\ ,DC=acme", "#1 + = "),
        ("CN=a=b,DC=acme", "a=b"),
        ("CN=Grüße", "Grüße"),
    ] {
        assert_eq!(names(&decoder, &[value]), [name], "{value}");
    }
}

#[test]
fn what_is_no_distinguished_name_of_a_common_name_gives_none() {
    let decoder = Decoder::common_name();
    for value in [
        "admins",
        "OU=Groups,CN=admins",
        "CN=admins,",
        ",CN=admins",
        "CN=",
        "CN=,DC=acme",
        "CN=admins, DC=acme",
        "CN= admins",
        "CN=admins ,DC=acme",
        "CN = admins",
        "CN=#0406616461696e73",
        r#"CN="admins",DC=acme"#,
        "CN=a;DC=acme",
        "CN=a<b",
        r"CN=admins\",
        r"CN=admins\g0",
        r"CN=admins\0",
        r"CN=\FF\FE",
        "=admins",
        "1.=admins",
        "01.2=admins",
    ] {
        assert_eq!(partly(&decoder, &[value]), [""; 0], "{value}");
    }
}

/// Attack: an entry with a relative name of two parts is another one than `CN=admins`.
#[test]
fn a_relative_name_of_several_parts_is_not_its_common_name() {
    let decoder = Decoder::common_name();
    assert_eq!(partly(&decoder, &["CN=admins+UID=x,DC=acme"]), [""; 0]);
    assert_eq!(partly(&decoder, &["UID=x+CN=admins,DC=acme"]), [""; 0]);
}

/// Attack: a group whose name, once unescaped, looks like another one with its place.
#[test]
fn an_escaped_comma_does_not_end_a_common_name() {
    let below = Decoder::common_name_below("OU=Groups,DC=acme").unwrap();
    let forged = r"CN=admins\,OU=Groups\,DC=acme,OU=Everybody,DC=acme";
    assert_eq!(names(&below, &[forged]), [""; 0]);
    let anywhere = names(&Decoder::common_name(), &[forged]);
    assert_eq!(anywhere, ["admins,OU=Groups,DC=acme"]);
}

/// Attack: a group with the same common name in a branch where others may make groups.
#[test]
fn only_entries_directly_below_the_base_give_their_name() {
    let below = Decoder::common_name_below("ou=groups,DC=acme").unwrap();
    assert_eq!(names(&below, &["CN=admins,OU=Groups,dc=ACME"]), ["admins"]);
    for elsewhere in [
        "CN=admins,OU=Everybody,DC=acme",
        "CN=admins,OU=Everybody,OU=Groups,DC=acme",
        "CN=admins,OU=Groups,DC=acme,DC=example",
        "CN=admins,DC=acme",
    ] {
        assert_eq!(names(&below, &[elsewhere]), [""; 0], "{elsewhere}");
    }
    assert_eq!(Decoder::common_name_below("Groups"), None);
}

/// Active Directory's mark of a naming conflict.
#[test]
fn a_name_with_a_control_character_gives_none() {
    let conflict = r"CN=admins\0ACNF:8f2c,OU=Groups,DC=acme";
    assert_eq!(partly(&Decoder::common_name(), &[conflict]), [""; 0]);
    assert_eq!(partly(&Decoder::json(), &[r#"["a\u0000"]"#]), [""; 0]);
}

#[test]
fn a_path_is_absolute_and_kept_whole() {
    let path = Decoder::path();
    assert_eq!(names(&path, &["/a", "/a/b c"]), ["/a", "/a/b c"]);
    for bad in ["a", "a/b", "/", "//a", "/a/", "/a//b", "/a/../b", "/."] {
        assert_eq!(partly(&path, &[bad]), [""; 0], "{bad}");
    }
}

/// Attack: whoever may make groups below their own makes one that is named as another's leaf.
#[test]
fn a_path_gives_no_leaf_and_only_what_is_below_the_base() {
    let below = Decoder::path_below("/apps/sign").unwrap();
    let sent = [
        "/apps/sign/admins",
        "/apps/sign/eu/admins",
        "/mine/admins",
        "/apps/signX/admins",
        "/apps/sign",
    ];
    assert_eq!(names(&below, &sent), ["admins", "eu/admins"]);
    assert_eq!(Decoder::path_below("apps"), None);
}

#[test]
fn json_is_an_array_of_texts_and_nothing_else() {
    let json = Decoder::json();
    assert_eq!(
        names(&json, &[r#"["a", "b;c"]"#, "[]", r#"["d"]"#]),
        ["a", "b;c", "d"]
    );
    for bad in [
        "admins",
        r#""admins""#,
        r#"[["admins"]]"#,
        r#"["a", 1]"#,
        r#"{"groups": ["admins"]}"#,
        r#"["a"] ["admins"]"#,
        r#"["a""#,
    ] {
        assert_eq!(partly(&json, &[bad]), [""; 0], "{bad}");
    }
}

#[test]
fn decoders_that_can_make_another_name_say_so() {
    assert!(Decoder::values().is_injective());
    assert!(Decoder::json().is_injective());
    assert!(Decoder::path().is_injective());
    assert!(Decoder::path_below("/a").unwrap().is_injective());
    assert!(
        Decoder::common_name_below("DC=acme")
            .unwrap()
            .is_injective()
    );
    assert!(!Decoder::common_name().is_injective());
    assert!(!Decoder::split(";").unwrap().is_injective());
}

/// As a directory writes it \[RFC 4514 §2.4\].
fn escaped(name: &str) -> String {
    let mut text = String::new();
    let last = name.chars().count().saturating_sub(1);
    for (at, character) in name.chars().enumerate() {
        let at_end = (at == 0 && character == '#') || (character == ' ' && (at == 0 || at == last));
        if at_end || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

proptest! {
    /// What a directory escapes comes back as it was: one name, never two, never another.
    #[test]
    fn a_common_name_survives_its_escapes(name in r#"[ -~äß"\\,+;=<>#]{1,12}"#) {
        let value = format!("CN={},OU=Groups,DC=acme", escaped(&name));
        let below = Decoder::common_name_below("OU=Groups,DC=acme").unwrap();
        let decoded = below.decode(&[&value]);
        prop_assert!(decoded.complete);
        prop_assert_eq!(decoded.names, [normalize::text(&name)]);
    }

    #[test]
    fn json_brings_back_what_was_packed(names in proptest::collection::vec("[^\\p{C}]{1,8}", 0..6)) {
        let value = serde_json::to_string(&names).unwrap();
        let decoded = Decoder::json().decode(&[&value]);
        prop_assert!(decoded.complete);
        let sent: Vec<String> = names.iter().map(|name| normalize::text(name)).collect();
        prop_assert_eq!(decoded.names, sent);
    }

    /// No decoder fails on any text, and what it gives came out of the text.
    #[test]
    fn decoders_are_total(value in "\\PC{0,40}", other in "\\PC{0,40}") {
        for decoder in [
            Decoder::values(),
            Decoder::split(";").unwrap(),
            Decoder::common_name(),
            Decoder::path(),
            Decoder::json(),
        ] {
            let alone = decoder.decode(&[&value]);
            let both = decoder.decode(&[&value, &other]);
            // A second value never makes what one of them lacks good.
            let apart = decoder.decode(&[&other]);
            prop_assert!(!both.complete || (alone.complete && apart.complete));
            for name in &alone.names {
                prop_assert!(!name.is_empty());
            }
        }
    }
}
