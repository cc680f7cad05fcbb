use super::*;
use crate::xml::{Document, Limits};

/// Canonicalizes the element whose ID is `apex`, or the root if there is none.
#[track_caller]
fn form(xml: &str, method: &Canonicalization) -> Result<String, C14nError> {
    let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
    let apex = document
        .element_by_id("apex")
        .unwrap_or_else(|| document.root());
    let bytes = canonicalize(apex, method, None)?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[track_caller]
fn exclusive(xml: &str) -> String {
    form(xml, &Canonicalization::exclusive()).unwrap()
}

#[track_caller]
fn inclusive(xml: &str) -> String {
    form(xml, &Canonicalization::inclusive_1_0()).unwrap()
}

#[track_caller]
fn with_prefixes(xml: &str, list: &str) -> String {
    let method = Canonicalization::exclusive()
        .with_inclusive_prefixes(list)
        .unwrap();
    form(xml, &method).unwrap()
}

/// [EXC-C14N §2.2]: two documents that hold the same `elem2` in different contexts.
#[test]
fn the_context_changes_the_inclusive_form_and_not_the_exclusive() {
    let one = r#"<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 ID="apex" xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>"#;
    let two = r#"<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 ID="apex" xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>"#;
    let expected = r#"<n1:elem2 xmlns:n1="http://example.net" ID="apex" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#;
    assert_eq!(exclusive(one), expected);
    assert_eq!(exclusive(two), expected);
    assert_eq!(
        inclusive(one),
        r#"<n1:elem2 xmlns:n0="foo:bar" xmlns:n1="http://example.net" xmlns:n3="ftp://example.org" ID="apex" xml:lang="en"><n3:stuff></n3:stuff></n1:elem2>"#
    );
    assert_eq!(
        inclusive(two),
        r#"<n1:elem2 xmlns:n1="http://example.net" xmlns:n2="http://foo.example" ID="apex" xml:lang="en" xml:space="retain"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>"#
    );
}

#[test]
fn attributes_are_ordered_by_namespace_and_then_name() {
    assert_eq!(
        exclusive(
            r#"<e a:attr="out" b:attr="sorted" attr2="all" attr="I'm" xmlns:b="http://www.ietf.org" xmlns:a="http://www.w3.org" xmlns="http://example.org"/>"#
        ),
        r#"<e xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e>"#
    );
}

#[test]
fn special_characters_are_escaped_where_each_has_to_be() {
    assert_eq!(
        exclusive(
            "<a b='&amp;&lt;>&quot;&apos;&#9;&#10;&#13;' c='\"'>&amp;&lt;>\"'&#9;&#10;&#13;<![CDATA[<&>]]></a>"
        ),
        "<a b=\"&amp;&lt;>&quot;'&#x9;&#xA;&#xD;\" c=\"&quot;\">&amp;&lt;&gt;\"'\t\n&#xD;&lt;&amp;&gt;</a>"
    );
    assert_eq!(
        exclusive("<a xmlns='urn:&quot;&amp;'/>"),
        "<a xmlns=\"urn:&quot;&amp;\"></a>"
    );
}

/// CVE-2025-25291 family: line ends as they travel must not change what is digested.
#[test]
fn raw_line_ends_never_reach_the_output() {
    assert_eq!(
        exclusive("<a b='x\r\ny'>1\r\n2\r3</a>"),
        "<a b=\"x y\">1\n2\n3</a>"
    );
}

#[test]
fn a_namespace_is_declared_where_it_is_first_used_and_not_again() {
    assert_eq!(
        exclusive(
            "<a xmlns:p='urn:p' xmlns:q='urn:q'><p:b><p:c xmlns:p='urn:p' p:d='' /></p:b><p:b/></a>"
        ),
        "<a><p:b xmlns:p=\"urn:p\"><p:c p:d=\"\"></p:c></p:b><p:b xmlns:p=\"urn:p\"></p:b></a>"
    );
    assert_eq!(
        exclusive(
            "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c xmlns:p='urn:1'/></p:b><p:b/></p:a>"
        ),
        "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c xmlns:p=\"urn:1\"></p:c></p:b><p:b></p:b></p:a>"
    );
}

#[test]
fn the_default_namespace_is_undeclared_only_where_it_was_declared() {
    assert_eq!(exclusive("<a xmlns=''><b xmlns=''/></a>"), "<a><b></b></a>");
    assert_eq!(
        exclusive("<a xmlns='urn:d'><b xmlns=''><c/><d xmlns='urn:d'/></b></a>"),
        "<a xmlns=\"urn:d\"><b xmlns=\"\"><c></c><d xmlns=\"urn:d\"></d></b></a>"
    );
    // The prefixed element between does not use the default namespace.
    assert_eq!(
        exclusive("<p:a xmlns:p='urn:p' xmlns='urn:d'><p:b xmlns=''><c/></p:b></p:a>"),
        "<p:a xmlns:p=\"urn:p\"><p:b><c></c></p:b></p:a>"
    );
    assert_eq!(
        inclusive("<p:a xmlns:p='urn:p' xmlns='urn:d'><p:b xmlns='' ID='apex'><c/></p:b></p:a>"),
        "<p:b xmlns:p=\"urn:p\" ID=\"apex\"><c></c></p:b>"
    );
}

#[test]
fn listed_prefixes_are_kept_although_no_name_uses_them() {
    let xml = "<r xmlns='urn:d' xmlns:xs='urn:xs' xmlns:z='urn:z'><p:a ID='apex' xmlns:p='urn:p'><p:b xmlns:xs='urn:2'/><p:c/></p:a></r>";
    assert_eq!(
        with_prefixes(xml, " xs\n#default xs"),
        "<p:a xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:xs=\"urn:xs\" ID=\"apex\"><p:b xmlns:xs=\"urn:2\"></p:b><p:c></p:c></p:a>"
    );
    // A prefix that nobody declared adds nothing.
    assert_eq!(
        with_prefixes(xml, "none xml"),
        "<p:a xmlns:p=\"urn:p\" ID=\"apex\"><p:b></p:b><p:c></p:c></p:a>"
    );
    assert_eq!(
        with_prefixes(
            "<r xmlns='urn:d'><p:a ID='apex' xmlns='' xmlns:p='urn:p'/></r>",
            "#default"
        ),
        "<p:a xmlns:p=\"urn:p\" ID=\"apex\"></p:a>"
    );
}

#[test]
fn a_prefix_list_is_bounded_and_holds_only_prefixes() {
    let many = (0..17).map(|n| format!("p{n} ")).collect::<String>();
    for bad in [many.as_str(), "a:b", "1", "#all", "a,b"] {
        assert_eq!(
            Canonicalization::exclusive().with_inclusive_prefixes(bad),
            Err(C14nError::BadPrefixList)
        );
    }
}

#[test]
fn comments_are_dropped_unless_the_method_keeps_them() {
    let xml = "<!-- 0 --><a><!-- 1 -->x<b/><!--\r\n2--></a>";
    assert_eq!(exclusive(xml), "<a>x<b></b></a>");
    assert_eq!(
        form(xml, &Canonicalization::exclusive().with_comments()).unwrap(),
        "<a><!-- 1 -->x<b></b><!--\n2--></a>"
    );
}

#[test]
fn the_omitted_element_leaves_no_trace() {
    let xml = b"<a xmlns:p='urn:p'> <p:sig>x<p:y/></p:sig> <p:b/></a>";
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let signature = document.root().children().next();
    let bytes = canonicalize(document.root(), &Canonicalization::exclusive(), signature);
    assert_eq!(bytes.unwrap(), b"<a>  <p:b xmlns:p=\"urn:p\"></p:b></a>");
}

/// CVE-2025-66568, CVE-2025-66475: nothing canonicalizes to nothing.
#[test]
fn the_output_is_never_empty() {
    let document = Document::parse(b"<a/>", &Limits::default()).unwrap();
    let root = document.root();
    assert_eq!(
        canonicalize(root, &Canonicalization::exclusive(), Some(root)),
        Err(C14nError::NothingLeft)
    );
    assert_eq!(exclusive("<a/>"), "<a></a>");
}

/// CVE-2025-66567: what libxml2 answers with an empty string.
#[test]
fn a_relative_namespace_is_an_error() {
    for xml in [
        "<a xmlns='../relative'/>",
        "<a><b xmlns:unused='relative#x'/></a>",
        "<r xmlns:p='//host/x'><a ID='apex'/></r>",
        "<a xmlns:p='1a:x'/>",
    ] {
        for method in [
            Canonicalization::exclusive(),
            Canonicalization::inclusive_1_0(),
            Canonicalization::inclusive_1_1(),
        ] {
            assert_eq!(
                form(xml, &method),
                Err(C14nError::RelativeNamespace),
                "{xml}"
            );
        }
    }
}

/// One long namespace, declared above the apex and needed by each of many small elements.
#[test]
fn namespaces_can_not_blow_up_the_output() {
    let uri = format!("urn:{}", "x".repeat(100_000));
    let xml = format!("<r xmlns:p='{uri}'>{}</r>", "<p:a/>".repeat(10_000));
    assert_eq!(
        form(&xml, &Canonicalization::exclusive()),
        Err(C14nError::TooLarge)
    );
}

#[test]
fn only_inclusive_forms_inherit_xml_attributes() {
    let xml = "<r xml:lang='en' xml:space='preserve' xml:id='r'><m xml:lang='fr'><a ID='apex' xml:space='default'/></m></r>";
    assert_eq!(exclusive(xml), "<a ID=\"apex\" xml:space=\"default\"></a>");
    assert_eq!(
        inclusive(xml),
        "<a ID=\"apex\" xml:id=\"r\" xml:lang=\"fr\" xml:space=\"default\"></a>"
    );
    // Version 1.1 leaves `xml:id` where it is [C14N11 §2.4].
    assert_eq!(
        form(xml, &Canonicalization::inclusive_1_1()).unwrap(),
        "<a ID=\"apex\" xml:lang=\"fr\" xml:space=\"default\"></a>"
    );
    assert_eq!(
        form(
            "<r xml:base='urn:x'><a ID='apex'/></r>",
            &Canonicalization::inclusive_1_1()
        ),
        Err(C14nError::InheritedBase)
    );
}

#[test]
fn the_xml_prefix_is_never_declared() {
    assert_eq!(
        inclusive("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>"),
        "<a xml:lang=\"en\"></a>"
    );
    assert_eq!(with_prefixes("<xml:a/>", "xml"), "<xml:a></xml:a>");
}

#[test]
fn methods_are_known_by_their_identifiers() {
    for (uri, method) in [
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#",
            Canonicalization::exclusive(),
        ),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
            Canonicalization::exclusive().with_comments(),
        ),
        (
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            Canonicalization::inclusive_1_0(),
        ),
        (
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            Canonicalization::inclusive_1_0().with_comments(),
        ),
        (
            "http://www.w3.org/2006/12/xml-c14n11",
            Canonicalization::inclusive_1_1(),
        ),
        (
            "http://www.w3.org/2006/12/xml-c14n11#WithComments",
            Canonicalization::inclusive_1_1().with_comments(),
        ),
    ] {
        assert_eq!(Canonicalization::from_uri(uri), Some(method));
    }
    assert_eq!(
        Canonicalization::from_uri("http://www.w3.org/2001/10/xml-exc-c14n"),
        None
    );
}

/// Each is a place where the tree written beside the bytes could come apart from a parse of them.
#[test]
fn the_tree_is_that_of_a_parse() {
    for xml in [
        // What a comment, CDATA, a reference or the omitted element parted is one text.
        "<a>1<!-- - -->2<![CDATA[3]]>4&#53;<omit/>6<b/>7</a>",
        "<a><omit/>x&amp;<omit2/>&lt;y></a>",
        "<a><![CDATA[]]><!----></a>",
        "<a>&#13;\r\n<![CDATA[<&>]]></a>",
        "<a b='&#9;&#10;&#13;&quot;&lt;&amp;>' c='' ID='&quot;'/>",
        // Prefixes that change what they stand for, with and without effect on the output.
        "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c xmlns:p='urn:1' p:d=''/></p:b><p:b/></p:a>",
        "<a xmlns='urn:&amp;'><b xmlns=''><c/><d xmlns='urn:d'/></b><p:e xmlns:p='urn:p' xmlns=''><f/></p:e></a>",
        "<r xmlns:x='urn:1' xmlns:y='urn:1'><x:a y:z='' x:b='' xmlns:x='urn:2'/></r>",
        // IDs of each kind, not in the order of their values.
        "<r xml:id='z' xml:lang='en'><a ID='apex' xml:space='default'><b Id='c'/><b id='b'/><b xml:id='a'/><x:b xmlns:x='urn:x' x:ID='a'/></a></r>",
        "<xml:a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:id='x'/>",
    ] {
        let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
        let apex = document
            .element_by_id("apex")
            .unwrap_or_else(|| document.root());
        let omitted = apex.children().find(|child| child.local_name() == "omit");
        let listing = Canonicalization::exclusive().with_inclusive_prefixes("x #default");
        for method in [
            Canonicalization::exclusive(),
            Canonicalization::exclusive().with_comments(),
            listing.unwrap(),
            Canonicalization::inclusive_1_0(),
            Canonicalization::inclusive_1_1(),
        ] {
            let written = canonical_document(apex, &method, omitted).unwrap();
            let parsed = Document::parse(written.text().as_bytes(), &Limits::default()).unwrap();
            assert!(written == parsed, "{xml} {method:?}");
        }
    }
}

/// Were two trees over one text always equal, the comparisons above would show nothing.
#[test]
fn documents_that_differ_in_anything_are_not_equal() {
    let parse = |xml: &'static str| Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(parse("<a b='c'>d</a>"), parse("<a b='c'>d</a>"));
    for (one, other) in [
        ("<a>b</a>", "<a>c</a>"),
        ("<a>&lt;</a>", "<a>&#60;</a>"),
        ("<a b='c'/>", "<a b=\"c\"/>"),
        ("<a/>", "<a></a>"),
    ] {
        assert_ne!(parse(one), parse(other));
    }
}
