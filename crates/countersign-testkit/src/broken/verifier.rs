//! Verifiers as they were before somebody wrote a CVE about them.

use std::collections::HashSet;

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::SignaturePolicy;
use countersign_dsig::xml::{Document, Limits};
use ring::hmac;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, RsaPrivateKey};
use sha1::Sha1;

use crate::attacks::signature::{ENVELOPED, EXCLUSIVE, SHA1, hash};
use crate::attacks::tree::{ASSERTION, At, DSIG, PROTOCOL, Piece, Tree};
use crate::attacks::{AttackClass, Message};

macro_rules! verifier_defects {
    ($($(#[$doc:meta])* $name:ident: $class:ident,)+) => {
        /// What is wrong with a [`BrokenVerifier`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum VerifierDefect {
            $($(#[$doc])* $name,)+
        }

        impl VerifierDefect {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The class of attack that it falls to; perhaps to others too.
            #[must_use]
            pub const fn falls_to(self) -> AttackClass {
                match self { $(Self::$name => AttackClass::$class,)+ }
            }
        }
    };
}

verifier_defects! {
    /// It verifies the first signature that it finds, and reads the first assertion that it finds.
    ReadsWhatWasNotSigned: SignatureWrapping,
    /// It takes whatever its parser lets through.
    ForgivesMalformedXml: ParserDifferential,
    /// It takes the first text node for the text.
    StopsAtComments: TextSplitting,
    /// It takes a comment in a digest for the digest.
    ReadsDigestsFromComments: SignedInfoGames,
    /// It verifies the first `SignedInfo` and follows the references of the last.
    FollowsAnotherSignedInfo: SignedInfoGames,
    /// It takes what can not be canonicalized for an empty text.
    TakesFailureForNothing: VoidCanonicalization,
    /// It verifies the last element of an ID and reads the first.
    TakesOneOfManyIds: IdConfusion,
    /// It looks for an element called `Assertion` in whatever namespace.
    UsesLocalNames: NamespaceConfusion,
    /// It checks the references that there are, if there are any.
    NeedsNoReference: ReferenceGames,
    /// It passes over transforms that it does not know.
    PassesOverTransforms: Transforms,
    /// It verifies an HMAC with the provider's certificate, as long as the message says.
    VerifiesHmac: AlgorithmConfusion,
    /// It takes the key from the message.
    TrustsKeyInfo: KeyInfoTrust,
    /// It verifies a signature if there is one.
    AcceptsUnsigned: StrippedSignature,
    /// It asks whether something in the message is signed.
    AcceptsAnySignedElement: ReusedSignature,
    /// It believes what it decrypted, because only the provider could have encrypted it.
    BelievesWhatIsEncrypted: EncryptedInjection,
    /// It reads document types.
    ReadsDocumentTypes: DocumentType,
    /// It reads messages of any size.
    HasNoLimits: ResourceExhaustion,
    /// It accepts an ECDSA signature of zeros.
    AcceptsZeros: WeakCryptography,
    /// It accepts digests by SHA-1.
    AcceptsSha1: WeakCryptography,
    /// It does not ask who the assertion is for.
    IgnoresTheAudience: WrongAddressee,
    /// It verifies with the keys of every tenant.
    KnowsEveryTenantsKeys: CrossProvider,
    /// It remembers no assertion.
    RemembersNothing: Replay,
    /// It compares without regard to case and white space.
    ComparesLoosely: LaxComparison,
}

/// A verifier with one defect, or with none but its simplicity.
///
/// Without a defect it asks only what the defects leave out, so it is no example to follow. It
/// shows that an attack is one: what gets in with the defect stays out without it.
#[derive(Debug)]
pub struct BrokenVerifier {
    /// The provider's certificate, in DER.
    certificate: Vec<u8>,
    key: VerificationKey,
    /// The keys of other tenants' providers.
    others: Vec<VerificationKey>,
    issuer: String,
    audience: String,
    defect: Option<VerifierDefect>,
}

impl BrokenVerifier {
    /// A verifier of the provider `issuer`, whose certificate is given in DER, for the service
    /// provider `audience`.
    ///
    /// # Panics
    /// If the certificate is none.
    #[must_use]
    pub fn new(
        certificate: &[u8],
        issuer: &str,
        audience: &str,
        defect: Option<VerifierDefect>,
    ) -> Self {
        Self {
            certificate: certificate.to_vec(),
            key: key(certificate),
            others: vec![key(crate::keys::OTHER_RSA_2048_CERTIFICATE)],
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            defect,
        }
    }

    fn has(&self, defect: VerifierDefect) -> bool {
        self.defect == Some(defect)
    }

    /// Takes messages in their order, and gives the name that the last was accepted as.
    #[must_use]
    pub fn sign_in(&self, messages: &[Message]) -> Option<String> {
        let mut seen = HashSet::new();
        let mut last = None;
        for message in messages {
            last = self
                .verify(&message.form_value())
                .filter(|(id, _)| {
                    self.has(VerifierDefect::RemembersNothing) || seen.insert(id.clone())
                })
                .map(|(_, name)| name);
        }
        last
    }

    /// The assertion's ID and the name in it.
    fn verify(&self, form_value: &[u8]) -> Option<(String, String)> {
        use VerifierDefect as D;
        let digits: Vec<u8> = form_value
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let mut text = String::from_utf8(STANDARD.decode(digits).ok()?).ok()?;
        if self.has(D::ReadsDocumentTypes)
            && let Some(start) = text.find("<!DOCTYPE")
        {
            let rest = text.get(start..)?;
            let subset = rest.find(['[', '>'])?;
            let end = match rest.as_bytes().get(subset) {
                Some(b'[') => rest.find("]>")?.saturating_add(2),
                _ => subset.saturating_add(1),
            };
            text.replace_range(start..start.saturating_add(end), "");
        }
        let mut limits = Limits::default();
        if self.has(D::HasNoLimits) {
            limits.max_bytes = usize::MAX;
        }
        let forgives = self.has(D::ForgivesMalformedXml) || self.has(D::TakesOneOfManyIds);
        if !forgives {
            Document::parse(text.as_bytes(), &limits).ok()?;
        }
        let tree = Tree::read(&text)?;
        if self.has(D::BelievesWhatIsEncrypted)
            && let Some(plaintext) = decrypted(&tree)
        {
            let plaintext = Tree::read(&plaintext)?;
            let assertion = plaintext.root()?;
            let id = assertion.attribute("ID").unwrap_or_default().to_owned();
            return Some((id, self.name(assertion)?));
        }
        let assertion = self.signed_assertion(&tree)?;
        self.check(assertion)?;
        let name = self.name(assertion)?;
        Some((
            assertion.attribute("ID").unwrap_or_default().to_owned(),
            name,
        ))
    }

    /// The assertion that is taken for the signed one.
    fn signed_assertion<'t>(&self, tree: &'t Tree) -> Option<At<'t>> {
        use VerifierDefect as D;
        let root = tree.root()?;
        let is_assertion = |element: &At<'t>| element.is(ASSERTION, "Assertion");
        let first = tree.elements().find(is_assertion);
        if self.has(D::AcceptsAnySignedElement) {
            let mut signatures = tree
                .elements()
                .filter(|element| element.is(DSIG, "Signature"));
            signatures.find_map(|signature| self.target(tree, signature))?;
            return first;
        }
        if self.has(D::ReadsWhatWasNotSigned) {
            let signature = tree
                .elements()
                .find(|element| element.is(DSIG, "Signature"))?;
            let target = self.target(tree, signature)?;
            let is_login = is_assertion(&target) || target.is(PROTOCOL, "Response");
            return first.filter(|_| is_login);
        }
        if !root.is(PROTOCOL, "Response") {
            return None;
        }
        let mut assertions = root.children().filter(is_assertion);
        let assertion = assertions.next()?;
        if assertions.next().is_some() && !self.has(D::TakesOneOfManyIds) {
            return None;
        }
        let signature = [root, assertion]
            .into_iter()
            .find_map(|parent| parent.child(DSIG, "Signature"));
        match signature {
            Some(signature) => {
                let target = self.target(tree, signature)?;
                let may_differ = self.has(D::TakesOneOfManyIds);
                if !may_differ && signature.parent() != Some(target) {
                    return None;
                }
            }
            // The genuine one may be the second of its ID.
            None if self.has(D::TakesOneOfManyIds) => {
                let signature = tree
                    .elements()
                    .find(|element| element.is(DSIG, "Signature"))?;
                let target = self.target(tree, signature)?;
                if target.attribute("ID") != assertion.attribute("ID") {
                    return None;
                }
            }
            None if self.has(D::AcceptsUnsigned) => {}
            None => return None,
        }
        if self.has(D::UsesLocalNames) {
            return root
                .children()
                .find(|child| child.local_name() == "Assertion");
        }
        Some(assertion)
    }

    /// The element that a signature covers, if it holds.
    fn target<'t>(&self, tree: &'t Tree, signature: At<'t>) -> Option<At<'t>> {
        use VerifierDefect as D;
        let mut infos = signature
            .descendants()
            .filter(|element| element.is(DSIG, "SignedInfo"));
        let info = infos.next()?;
        let last = infos.last();
        if last.is_some() && !self.has(D::FollowsAnotherSignedInfo) {
            return None;
        }
        let value = signature.child(DSIG, "SignatureValue")?;
        if tree.cut(signature.whole()).contains("<!--") && !self.has(D::ReadsDigestsFromComments) {
            return None;
        }
        let method = info.child(DSIG, "SignatureMethod")?;
        let value = decode(value.inner_text())?;
        let canonical = self.canonical(&info.on_its_own(None), "")?;
        if !self.holds(signature, method, &canonical, &value) {
            return None;
        }
        let references: Vec<_> = last
            .unwrap_or(info)
            .children()
            .filter(|child| child.is(DSIG, "Reference"))
            .collect();
        let mut target = None;
        for reference in &references {
            target = Some(self.dereference(tree, signature, *reference)?);
        }
        match references.len() {
            1 => target,
            _ if self.has(D::NeedsNoReference) => target.or(signature.parent()),
            _ => None,
        }
    }

    fn holds(&self, signature: At<'_>, method: At<'_>, message: &[u8], value: &[u8]) -> bool {
        use VerifierDefect as D;
        let uri = method.attribute("Algorithm").unwrap_or_default();
        if self.has(D::VerifiesHmac) && uri.ends_with("#hmac-sha256") {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &self.certificate);
            let tag = hmac::sign(&key, message);
            let length = method
                .child(DSIG, "HMACOutputLength")
                .and_then(|length| length.inner_text().parse::<usize>().ok());
            let bytes = length.map_or(32, |bits| bits.div_ceil(8));
            return tag.as_ref().get(..bytes) == Some(value);
        }
        let Some(algorithm) = SignatureAlgorithm::from_uri(uri) else {
            return false;
        };
        if self.has(D::AcceptsZeros) && value.iter().all(|byte| *byte == 0) {
            return uri.contains("#ecdsa-");
        }
        let mut keys = vec![self.key.clone()];
        if self.has(D::KnowsEveryTenantsKeys) {
            keys.extend_from_slice(&self.others);
        }
        if self.has(D::TrustsKeyInfo) {
            let certificate = signature
                .descendants()
                .find(|element| element.is(DSIG, "X509Certificate"))
                .and_then(|text| VerificationKey::from_certificate_base64(text.inner_text()).ok());
            keys = certificate.into_iter().collect();
        }
        let policy = SignaturePolicy::new();
        keys.iter()
            .any(|key| key.verify(algorithm, &policy, message, value).is_ok())
    }

    /// The element that a reference leads to, if it has the digest.
    fn dereference<'t>(
        &self,
        tree: &'t Tree,
        signature: At<'t>,
        reference: At<'t>,
    ) -> Option<At<'t>> {
        use VerifierDefect as D;
        let id = reference.attribute("URI")?.strip_prefix('#')?;
        let found: Vec<_> = tree
            .elements()
            .filter(|element| element.attribute("ID") == Some(id))
            .collect();
        let target = match found.as_slice() {
            [one] => *one,
            [.., last] if self.has(D::TakesOneOfManyIds) => *last,
            _ => return None,
        };
        let transforms: Vec<_> = reference.child(DSIG, "Transforms")?.children().collect();
        let known = [ENVELOPED, EXCLUSIVE];
        let is_profile = transforms
            .iter()
            .map(|transform| transform.attribute("Algorithm").unwrap_or_default())
            .eq(known);
        if !is_profile && !self.has(D::PassesOverTransforms) {
            return None;
        }
        let prefixes = transforms
            .iter()
            .flat_map(|transform| transform.children())
            .find_map(|list| list.attribute("PrefixList"))
            .unwrap_or_default();
        let within = target
            .descendants()
            .any(|element| element == signature)
            .then_some(signature);
        let canonical = self.canonical(&target.on_its_own(within), prefixes)?;
        let method = reference
            .child(DSIG, "DigestMethod")?
            .attribute("Algorithm")?;
        if method == SHA1 && !self.has(D::AcceptsSha1) {
            return None;
        }
        let digest = reference.child(DSIG, "DigestValue")?;
        let text = match digest.pieces().first() {
            Some(Piece::Comment(text)) if self.has(D::ReadsDigestsFromComments) => text,
            _ => digest.inner_text(),
        };
        (hash(&canonical, method)? == decode(text)?).then_some(target)
    }

    fn canonical(&self, element: &str, prefixes: &str) -> Option<Vec<u8>> {
        let canonical = || {
            let mut limits = Limits::default();
            limits.max_bytes = usize::MAX;
            let document = Document::parse(element.as_bytes(), &limits).ok()?;
            let method = Canonicalization::exclusive();
            let method = method.with_inclusive_prefixes(prefixes).ok()?;
            canonicalize(document.root(), &method, None).ok()
        };
        let may_fail = self.has(VerifierDefect::TakesFailureForNothing);
        canonical().or(may_fail.then(Vec::new))
    }

    fn check(&self, assertion: At<'_>) -> Option<()> {
        use VerifierDefect as D;
        let equal = |given: &str, expected: &str| {
            if self.has(D::ComparesLoosely) {
                given.trim().eq_ignore_ascii_case(expected)
            } else {
                given == expected
            }
        };
        let issuer = assertion
            .children()
            .find(|child| child.local_name() == "Issuer")?;
        if !equal(issuer.inner_text(), &self.issuer) {
            return None;
        }
        let mut audiences = assertion
            .descendants()
            .filter(|element| element.local_name() == "Audience");
        let is_ours = audiences.any(|audience| equal(audience.inner_text(), &self.audience));
        (is_ours || self.has(D::IgnoresTheAudience)).then_some(())
    }

    fn name(&self, assertion: At<'_>) -> Option<String> {
        let name_id = assertion
            .descendants()
            .find(|element| element.local_name() == "NameID")?;
        let texts = name_id.pieces().iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Reference(name) => {
                let digits = name.strip_prefix('#')?;
                digits
                    .parse()
                    .ok()
                    .and_then(char::from_u32)
                    .map(String::from)
            }
            _ => None,
        });
        Some(match self.defect {
            Some(VerifierDefect::StopsAtComments) => texts.take(1).collect(),
            _ => texts.collect(),
        })
    }
}

/// The plaintext of the one thing that is encrypted with AES-256-GCM, for the key that everybody
/// knows.
fn decrypted(tree: &Tree) -> Option<String> {
    let values = tree
        .elements()
        .filter(|element| element.local_name() == "CipherValue")
        .map(|value| decode(value.inner_text()))
        .collect::<Option<Vec<_>>>()?;
    let [wrapped, content] = values.as_slice() else {
        return None;
    };
    let key = RsaPrivateKey::from_pkcs8_der(crate::keys::SP_RSA_2048_PKCS8).ok()?;
    let key = key.decrypt(Oaep::new::<Sha1>(), wrapped).ok()?;
    let (iv, content) = content.split_at_checked(12)?;
    let cipher = Aes256Gcm::new_from_slice(&key).ok()?;
    let plaintext = cipher.decrypt(Nonce::from_slice(iv), content).ok()?;
    String::from_utf8(plaintext).ok()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    STANDARD.decode(digits).ok()
}

#[allow(
    clippy::panic,
    reason = "called by tests only; a certificate that is none has to fail them"
)]
fn key(certificate: &[u8]) -> VerificationKey {
    match VerificationKey::from_certificate_der(certificate) {
        Ok(key) => key,
        Err(error) => panic!("not a certificate: {error}"),
    }
}
