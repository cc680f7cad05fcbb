//! One named test for each thing that quick-xml lets pass, or refuses under our own code.

use super::*;
use crate::xml::Element;
use proptest::prelude::*;

fn kind_of(input: &[u8]) -> Option<XmlErrorKind> {
    Document::parse(input, &Limits::default())
        .err()
        .map(|error| error.kind())
}

#[track_caller]
fn refused(input: impl AsRef<[u8]>, kind: XmlErrorKind) {
    let input = input.as_ref();
    assert_eq!(
        kind_of(input),
        Some(kind),
        "{}",
        String::from_utf8_lossy(input)
    );
}

#[track_caller]
fn accepted(input: impl AsRef<[u8]>) {
    let input = input.as_ref();
    assert_eq!(kind_of(input), None, "{}", String::from_utf8_lossy(input));
}

/// Parses `input` and gives the root's whole text.
#[track_caller]
fn text_of(input: &str) -> String {
    let document = Document::parse(input.as_bytes(), &Limits::default()).unwrap();
    document.root().text().unwrap().into_owned()
}

/// Parses `input` and gives the root's attribute `a`.
#[track_caller]
fn attribute_of(input: &str) -> String {
    let document = Document::parse(input.as_bytes(), &Limits::default()).unwrap();
    document.root().attribute("a").unwrap().to_owned()
}

#[test]
fn an_unclosed_root_is_refused() {
    refused("<a>", XmlErrorKind::UnclosedElement);
    refused("<a><b></b>", XmlErrorKind::UnclosedElement);
}

#[test]
fn a_second_root_is_refused() {
    refused("<a/><b/>", XmlErrorKind::SecondRoot);
    refused("<a></a><a>", XmlErrorKind::SecondRoot);
}

#[test]
fn an_empty_document_is_refused() {
    for input in ["", " \n", "<!-- a -->", "<?xml version='1.0'?>", "\u{FEFF}"] {
        refused(input, XmlErrorKind::NoRoot);
    }
}

#[test]
fn text_outside_the_root_is_refused() {
    for input in ["x<a/>", "<a/>x", "<a/>\u{A0}", "\u{FEFF}\u{FEFF}<a/>"] {
        refused(input, XmlErrorKind::ContentOutsideRoot);
    }
    accepted(" \t\r\n<a/>\n <!-- c --> ");
}

#[test]
fn cdata_outside_the_root_is_refused() {
    refused("<![CDATA[]]><a/>", XmlErrorKind::ContentOutsideRoot);
    refused("<a/><![CDATA[ ]]>", XmlErrorKind::ContentOutsideRoot);
}

#[test]
fn a_reference_outside_the_root_is_refused() {
    refused("<a/>&#x20;", XmlErrorKind::ContentOutsideRoot);
    refused("&amp;<a/>", XmlErrorKind::ContentOutsideRoot);
}

#[test]
fn an_xml_declaration_elsewhere_than_at_the_start_is_refused() {
    for input in [
        " <?xml version='1.0'?><a/>",
        "<a/><?xml version='1.0'?>",
        "<a><?xml version='1.0'?></a>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
    ] {
        refused(input, XmlErrorKind::MisplacedDeclaration);
    }
    accepted("\u{FEFF}<?xml version='1.0'?><a/>");
}

#[test]
fn an_xml_declaration_follows_its_production() {
    accepted("<?xml version=\"1.0\" encoding = 'utf-8' standalone='no' ?><a/>");
    for input in [
        "<?xml?><a/>",
        "<?xml ?><a/>",
        "<?xml encoding='UTF-8'?><a/>",
        "<?xml encoding='UTF-8' version='1.0'?><a/>",
        "<?xml version='1.0' version='1.0'?><a/>",
        "<?xml version='1.0'encoding='UTF-8'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
        "<?xml version='1.0' x='y'?><a/>",
        "<?xml version='1.0' x:encoding='UTF-8'?><a/>",
        "<?xml version=1.0?><a/>",
        "<?xml version='1.0' ??><a/>",
    ] {
        refused(input, XmlErrorKind::BadDeclaration);
    }
    refused(
        "<?xml version='1.1'?><a/>",
        XmlErrorKind::UnsupportedVersion,
    );
    refused(
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        XmlErrorKind::UnsupportedEncoding,
    );
    // Only lower case is a declaration.
    refused(
        "<?XML version='1.0'?><a/>",
        XmlErrorKind::ProcessingInstruction,
    );
}

#[test]
fn a_doctype_is_refused() {
    for input in [
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY % b SYSTEM 'file:///etc/passwd'> %b;]><a/>",
        "<!DOCTYPE",
        "<!DOCTYPE>",
        "<a><!DOCTYPE a></a>",
        "<a/><!DOCTYPE a>",
    ] {
        refused(input, XmlErrorKind::Doctype);
    }
}

#[test]
fn a_processing_instruction_is_refused_everywhere() {
    for input in [
        "<?a?><a/>",
        "<a><?a b?></a>",
        "<a/><?xml-stylesheet href='x'?>",
        "<a>user<?x?>name</a>",
    ] {
        refused(input, XmlErrorKind::ProcessingInstruction);
    }
}

#[test]
fn control_characters_are_refused_wherever_they_stand() {
    for input in [
        "<a>\u{0}</a>",
        "<a>\u{8}</a>",
        "<a b='\u{1F}'/>",
        "<a><!--\u{B}--></a>",
        "<a><![CDATA[\u{C}]]></a>",
        "<a>\u{FFFE}</a>",
        "<a b='\u{FFFF}'/>",
        "<a/>\u{1}",
    ] {
        refused(input, XmlErrorKind::ForbiddenCharacter);
    }
    accepted("<a>\u{7F}\u{85}\u{FFFD}\u{10FFFF}</a>");
}

#[test]
fn character_references_to_no_xml_character_are_refused() {
    for reference in [
        "&#0;",
        "&#x0;",
        "&#8;",
        "&#xB;",
        "&#xD800;",
        "&#xDFFF;",
        "&#xFFFE;",
        "&#xFFFF;",
        "&#x110000;",
        "&#99999999999999;",
        "&#;",
        "&#x;",
        "&#xg;",
        "&#-1;",
        "&#+65;",
        "&#x+41;",
        "&#X41;",
        "&#a;",
        "&# 65;",
        "&#65 ;",
        "&#1_0;",
    ] {
        refused(
            format!("<a>{reference}</a>"),
            XmlErrorKind::BadCharacterReference,
        );
        refused(
            format!("<a b='{reference}'/>"),
            XmlErrorKind::BadCharacterReference,
        );
    }
}

#[test]
fn entities_other_than_the_predefined_five_are_refused() {
    for reference in [
        "&nbsp;", "&AMP;", "&a:b;", "&;", "& amp;", "&amp ;", "&xxe;",
    ] {
        refused(format!("<a>{reference}</a>"), XmlErrorKind::UnknownEntity);
        refused(format!("<a b='{reference}'/>"), XmlErrorKind::UnknownEntity);
    }
}

#[test]
fn a_bare_ampersand_is_refused() {
    refused("<a>&</a>", XmlErrorKind::BareAmpersand);
    refused("<a>a & b</a>", XmlErrorKind::BareAmpersand);
    refused("<a>&amp</a>", XmlErrorKind::BareAmpersand);
    refused("<a b='&'/>", XmlErrorKind::BareAmpersand);
    refused("<a b='&amp'/>", XmlErrorKind::BareAmpersand);
}

#[test]
fn references_are_never_dropped() {
    assert_eq!(
        text_of("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;x&#x41;</a>"),
        "<>&'\"A\u{1F600}xA"
    );
    assert_eq!(
        text_of("<a>admin&#64;acme&#46;example</a>"),
        "admin@acme.example"
    );
    assert_eq!(
        attribute_of("<r a='&lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;x'/>"),
        "<>&'\"A\u{1F600}x"
    );
    // A resolved reference is text: it starts no other.
    assert_eq!(text_of("<a>&amp;lt;&#38;amp;</a>"), "&lt;&amp;");
}

#[test]
fn comments_neither_split_nor_enter_text() {
    assert_eq!(
        text_of("<a>user@acme.example<!-- -->.evil.test</a>"),
        "user@acme.example.evil.test"
    );
    assert_eq!(text_of("<a><!--x-->b<!--y-->c<!----></a>"), "bc");
    assert_eq!(text_of("<a><!--x--></a>"), "");
}

#[test]
fn cdata_is_text() {
    assert_eq!(
        text_of("<a>x<![CDATA[<b>&amp;]]>]]<![CDATA[]]></a>"),
        "x<b>&amp;]]"
    );
    assert_eq!(text_of("<a><![CDATA[>]]]]><![CDATA[>]]></a>"), ">]]>");
}

#[test]
fn a_cdata_end_in_text_is_refused() {
    refused("<a>]]></a>", XmlErrorKind::CdataEndInText);
    refused("<a>x > y ]]]> z</a>", XmlErrorKind::CdataEndInText);
    assert_eq!(text_of("<a>]]&gt;]> ]]</a>"), "]]>]> ]]");
}

#[test]
fn two_hyphens_in_a_comment_are_refused() {
    for comment in ["<!-- a -- b -->", "<!--a--->", "<!----->"] {
        refused(
            format!("<a>{comment}</a>"),
            XmlErrorKind::DoubleHyphenInComment,
        );
        refused(
            format!("{comment}<a/>"),
            XmlErrorKind::DoubleHyphenInComment,
        );
    }
    accepted("<a><!-- - a - b - --></a>");
    refused("<!--><a/>", XmlErrorKind::Syntax);
    refused("<!-- <a/>", XmlErrorKind::Syntax);
}

#[test]
fn less_than_in_an_attribute_value_is_refused() {
    refused("<a b='<'/>", XmlErrorKind::LessThanInAttribute);
    refused("<a b=\"x &lt; y < z\"/>", XmlErrorKind::LessThanInAttribute);
    refused("<a xmlns='<'/>", XmlErrorKind::LessThanInAttribute);
}

#[test]
fn attributes_need_white_space_between_them() {
    refused("<a x='1'y='2'/>", XmlErrorKind::MissingWhiteSpace);
    refused("<a xmlns:b='urn:b'c='2'/>", XmlErrorKind::MissingWhiteSpace);
    refused("<a x='1'\u{A0}y='2'/>", XmlErrorKind::MissingWhiteSpace);
    accepted("<a\tx = '1'\r\ny\n=\"2\" />");
}

#[test]
fn malformed_attributes_are_refused() {
    for input in [
        "<a b/>",
        "<a b=/>",
        "<a b=c/>",
        "<a b c='d'/>",
        "<a b=&quot;c&quot;/>",
    ] {
        refused(input, XmlErrorKind::BadAttribute);
    }
    for input in [
        "<a ='b'/>",
        "<a 1b='c'/>",
        "<a / >",
        "<a b='c' / >",
        "<a 'b'/>",
    ] {
        refused(input, XmlErrorKind::BadName);
    }
    refused("<a b='c/>", XmlErrorKind::Syntax);
}

#[test]
fn bad_names_are_refused() {
    for input in [
        "< a/>",
        "<1/>",
        "<-a/>",
        "<a:b:c xmlns:a='urn:a'/>",
        "<:a/>",
        "<a:/>",
        "<a\u{D7}/>",
        "<a=''/>",
        "<a,b/>",
        "<a/b/>",
        "<a b:c:d='' xmlns:b='urn:b'/>",
        "<a :b=''/>",
        "<a b:=''/>",
        "<a xmlns:=''/>",
        "<a xmlns:a:b='urn:c'/>",
    ] {
        let kind = kind_of(input.as_bytes());
        assert!(
            matches!(
                kind,
                Some(XmlErrorKind::BadName | XmlErrorKind::BadAttribute)
            ),
            "{input}: {kind:?}"
        );
    }
    accepted("<\u{E9}l\u{E9}ment \u{6F22}\u{5B57}='1' _='2' a-.\u{B7}='3'/>");
}

#[test]
fn mismatched_end_tags_are_refused() {
    for input in [
        "<a></b>",
        "</a>",
        "<a/></a>",
        "<a><b></a></b>",
        "<a></a b=''>",
        "<a></ a>",
        "<a></A>",
        "<a></>",
    ] {
        refused(input, XmlErrorKind::MismatchedEndTag);
    }
    refused(
        "<p:a xmlns:p='urn:x' xmlns:q='urn:x'></q:a>",
        XmlErrorKind::MismatchedEndTag,
    );
    accepted("<a></a \n>");
}

#[test]
fn attributes_duplicated_by_expanded_name_are_refused() {
    for input in [
        "<a b='1' b='2'/>",
        "<a p:b='1' q:b='2' xmlns:p='urn:x' xmlns:q='urn:x'/>",
        "<a xmlns:p='urn:x' p:b='1' p:b='1'/>",
        "<a p:b='1' q:b='2' xmlns:p='urn:x' xmlns:q='ur&#110;:x'/>",
        "<a xmlns:p='urn:x' xmlns:p='urn:x'/>",
        "<a xmlns='urn:x' xmlns='urn:y'/>",
        "<a xml:lang='en' xml:lang='de'/>",
    ] {
        refused(input, XmlErrorKind::DuplicateAttribute);
    }
    // The default namespace does not reach attributes [XML-Names §6.2].
    accepted("<a xmlns='urn:x' xmlns:p='urn:x' b='1' p:b='2'/>");
}

#[test]
fn a_prefix_bound_to_nothing_is_refused() {
    refused("<a xmlns:p=''/>", XmlErrorKind::EmptyNamespace);
    refused(
        "<a xmlns:p='urn:p'><p:b xmlns:p=''/></a>",
        XmlErrorKind::EmptyNamespace,
    );
    accepted("<a xmlns='urn:p'><b xmlns=''/></a>");
}

#[test]
fn undeclared_prefixes_are_refused() {
    refused("<p:a/>", XmlErrorKind::UndeclaredPrefix);
    refused("<a p:b=''/>", XmlErrorKind::UndeclaredPrefix);
    refused(
        "<a><p:b xmlns:p='urn:p'/><p:c/></a>",
        XmlErrorKind::UndeclaredPrefix,
    );
    refused(
        "<a><b xmlns:p='urn:p'></b><c p:d=''/></a>",
        XmlErrorKind::UndeclaredPrefix,
    );
    accepted("<a p:b='' xmlns:p='urn:p'/>");
}

#[test]
fn the_reserved_prefixes_are_guarded() {
    for input in [
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:xml='urn:x'/>",
        "<a xmlns:xml=''/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/XML/1998/namespac&#101;'/>",
        "<a xml:xmlns='urn:x'/>",
        "<a p:xmlns='urn:x' xmlns:p='urn:p'/>",
        "<xmlns:a/>",
    ] {
        refused(input, XmlErrorKind::ReservedNamespace);
    }
    accepted("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>");
    accepted("<xml:a/>");
}

#[test]
fn line_ends_in_text_are_normalized() {
    assert_eq!(
        text_of("<a>1\r\n2\r3\n4\r\r\n5\n\r</a>"),
        "1\n2\n3\n4\n\n5\n\n"
    );
    assert_eq!(text_of("<a><![CDATA[1\r\n2]]></a>"), "1\n2");
    // A reference is no line end.
    assert_eq!(text_of("<a>1&#13;\n2&#xD;&#xA;</a>"), "1\r\n2\r\n");
}

#[test]
fn white_space_in_attribute_values_is_normalized() {
    assert_eq!(attribute_of("<r a=' 1\t2\n3\r\n4\r5  '/>"), " 1 2 3 4 5  ");
    assert_eq!(attribute_of("<r a='1&#9;2&#10;3&#13;4'/>"), "1\t2\n3\r4");
    assert_eq!(attribute_of("<r a=\"'\"/>"), "'");
}

#[test]
fn invalid_utf8_is_refused() {
    for bytes in [
        &b"<a>\xFF</a>"[..],
        b"<a>\xC0\x80</a>",
        b"<a>\xED\xA0\x80</a>",
        b"<a>\xC3</a>",
        b"\xFF\xFE<\0a\0/\0>\0",
    ] {
        refused(bytes, XmlErrorKind::NotUtf8);
    }
}

#[test]
fn a_byte_order_mark_is_accepted_at_the_start_only() {
    accepted("\u{FEFF}<a/>");
    refused(" \u{FEFF}<a/>", XmlErrorKind::ContentOutsideRoot);
    assert_eq!(text_of("<a>\u{FEFF}</a>"), "\u{FEFF}");
}

#[test]
fn broken_markup_is_refused() {
    for input in [
        "<",
        "<a",
        "<a><",
        "<a><!",
        "<a><![CDATA[",
        "<a><![cdata[]]></a>",
        "<a><!ELEMENT b></a>",
        "<?",
        "<?>",
    ] {
        refused(input, XmlErrorKind::Syntax);
    }
}

#[test]
fn the_same_id_twice_is_refused() {
    for input in [
        "<a ID='_1'><b ID='_1'/></a>",
        "<a ID='_1'><b Id='_1'/></a>",
        "<a id='_1'><b/><c xml:id='_1'/></a>",
        "<a ID='_1' Id='_1'/>",
        "<a ID='_1'><b ID='&#95;1'/></a>",
    ] {
        refused(input, XmlErrorKind::DuplicateId);
    }
    accepted("<a ID='_1' xmlns:p='urn:p'><b p:ID='_1' iD='_1'/></a>");
}

#[test]
fn each_limit_holds() {
    let limits = Limits {
        max_bytes: 500,
        max_depth_elements: 3,
        max_elements: 5,
        max_attributes_per_element: 2,
        max_namespaces_per_element: 2,
        max_namespaces_in_scope: 3,
        max_namespaces: 4,
    };
    let kind = |input: &str| {
        Document::parse(input.as_bytes(), &limits)
            .err()
            .map(|error| error.kind())
    };
    assert_eq!(kind("<a><b><c></c></b></a>"), None);
    assert_eq!(
        kind("<a><b><c><d/></c></b></a>"),
        Some(XmlErrorKind::TooDeep)
    );
    assert_eq!(kind("<a><b/><b/><b/><b/></a>"), None);
    assert_eq!(
        kind("<a><b/><b/><b/><b/><b/></a>"),
        Some(XmlErrorKind::TooManyElements)
    );
    assert_eq!(kind("<a x='' y='' xmlns='urn:x'/>"), None);
    assert_eq!(
        kind("<a x='' y='' z=''/>"),
        Some(XmlErrorKind::TooManyAttributes)
    );
    assert_eq!(kind("<a xmlns:x='urn:x' xmlns:y='urn:y'/>"), None);
    assert_eq!(
        kind("<a xmlns:x='urn:x' xmlns:y='urn:y' xmlns:z='urn:z'/>"),
        Some(XmlErrorKind::TooManyNamespaces)
    );
    assert_eq!(
        kind("<a xmlns:x='urn:x' xmlns:y='urn:y'><b xmlns:z='urn:z'/><b xmlns:z='urn:z'/></a>"),
        None
    );
    assert_eq!(
        kind("<a xmlns:x='urn:x' xmlns:y='urn:y'><b xmlns:z='urn:z' xmlns='urn:d'/></a>"),
        Some(XmlErrorKind::TooManyNamespaces)
    );
    let four = "<a xmlns='urn:1' xmlns:x='urn:2'><b xmlns='urn:3'/><b xmlns='urn:4'/>";
    assert_eq!(kind(&format!("{four}<b xmlns='urn:3'/></a>")), None);
    assert_eq!(
        kind(&format!("{four}<b xmlns='urn:5'/></a>")),
        Some(XmlErrorKind::TooManyNamespaces)
    );
    assert_eq!(kind(&format!("<a>{}</a>", "x".repeat(493))), None);
    assert_eq!(
        kind(&format!("<a>{}</a>", "x".repeat(494))),
        Some(XmlErrorKind::TooLarge)
    );
}

#[test]
fn a_hundred_thousand_levels_are_refused_without_recursion() {
    refused("<a>".repeat(100_000), XmlErrorKind::TooDeep);
}

#[test]
fn a_second_child_of_the_same_name_is_refused_where_one_is_asked_for() {
    let xml = b"<a xmlns='urn:a'><b/><c/><b xmlns='urn:b'/><c/></a>";
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let root = document.root();
    assert!(root.child("urn:a", "b").unwrap().is_some());
    assert!(root.child("urn:a", "d").unwrap().is_none());
    let error = root.child("urn:a", "c").unwrap_err();
    assert_eq!(error.kind(), XmlErrorKind::RepeatedChild);
    assert_eq!(error.code(), "xml.repeated_child");
}

#[test]
fn text_of_an_element_with_children_is_an_error() {
    let document = Document::parse(b"<a>x<b/>y</a>", &Limits::default()).unwrap();
    let error = document.root().text().unwrap_err();
    assert_eq!(error.kind(), XmlErrorKind::ElementInText);
}

#[test]
fn prefixes_resolve_where_they_stand() {
    let xml =
        b"<a xmlns='urn:d' xmlns:p='urn:1'><b xmlns:p='urn:2' xmlns=''><c p:x='1'/></b><p:d/></a>";
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let [b, d] = document.root().children().collect::<Vec<_>>()[..] else {
        panic!("two children");
    };
    let c = b.children().next().unwrap();
    assert!(c.is("", "c") && c.namespace().is_none());
    assert_eq!(c.attribute_ns("urn:2", "x"), Some("1"));
    assert_eq!(c.attribute("x"), None);
    assert_eq!(c.namespace_for_prefix("p"), Some("urn:2"));
    assert_eq!(c.namespace_for_prefix(""), None);
    assert_eq!(d.namespace_for_prefix(""), Some("urn:d"));
    assert_eq!(d.namespace_for_prefix("q"), None);
    assert_eq!(d.namespace_for_prefix("xml"), Some(XML_NAMESPACE));
    assert!(d.is("urn:1", "d"));
    assert_eq!(c.parent(), Some(b));
    assert_eq!(document.root().parent(), None);
    assert_ne!(b, d);
}

#[test]
fn elements_of_two_documents_are_never_equal() {
    let one = Document::parse(b"<a/>", &Limits::default()).unwrap();
    let two = Document::parse(b"<a/>", &Limits::default()).unwrap();
    assert_eq!(one.root(), one.root());
    assert_ne!(one.root(), two.root());
}

#[test]
fn debug_output_shows_no_content() {
    let document = Document::parse(b"<a ID='secret'>secret</a>", &Limits::default()).unwrap();
    let attribute = document.root().attributes().next().unwrap();
    let shown = format!("{document:?} {:?} {attribute:?}", document.root());
    assert!(!shown.contains("secret"), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes, &Limits::default());
    }

    #[test]
    fn no_markup_makes_it_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("<"), Just(">"), Just("/"), Just("</"), Just("/>"), Just("<a"), Just("a"),
                Just("p:"), Just(" xmlns:p='urn:p'"), Just(" xmlns=''"), Just("="), Just("'"),
                Just("\""), Just(" "), Just("\r"), Just("&"), Just("&#"), Just("x41;"),
                Just("amp;"), Just("<!--"), Just("-->"), Just("<![CDATA["), Just("]]>"),
                Just("<?xml version='1.0'"), Just("?>"), Just("<!DOCTYPE"), Just(" ID='a'"),
                Just("\u{FEFF}"), Just("é"),
            ],
            0..40,
        ),
    ) {
        let text: String = pieces.concat();
        if let Ok(document) = Document::parse(text.as_bytes(), &Limits::default()) {
            for element in document.root().descendants() {
                let _ = (element.text(), element.attribute("ID"), Element::namespace(element));
            }
        }
    }
}

#[test]
fn attributes_of_one_name_are_told_apart_by_what_their_prefixes_stand_for() {
    let kind = |inner: &str| {
        let xml = format!("<a xmlns:p='urn:&#120;' xmlns:q='urn:y'>{inner}</a>");
        let parsed = Document::parse(xml.as_bytes(), &Limits::default());
        parsed.err().map(|error| error.kind())
    };
    assert_eq!(kind("<b p:x='' q:x='' x=''/>"), None);
    for same in [
        "<b xmlns:r='urn:x' p:x='' r:x=''/>",
        "<b xmlns:q='urn:x' p:x='' q:x=''/>",
        "<b><c xmlns:s='urn:&#x79;' q:x='' s:x=''/></b>",
        "<b xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:x='' xml:x=''/>",
    ] {
        assert_eq!(kind(same), Some(XmlErrorKind::DuplicateAttribute), "{same}");
    }
    // The namespace of a declaration in a place that was left does not linger.
    assert_eq!(kind("<b><c xmlns:q='urn:x'/><c p:x='' q:x=''/></b>"), None);
}
