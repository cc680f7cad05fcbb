"""libxmlsec through Python: a bare signer, for responses of any size and for odd markup."""

import base64
import datetime
import os
import sys
import uuid
import zlib
from urllib.parse import parse_qs

import xmlsec
from lxml import etree

IDP = os.environ["IDP_ENTITY_ID"]
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


def request():
    """The request in the query; nobody looks at its signature here."""
    (value,) = parse_qs(os.environ["AUTHN_REQUEST"])["SAMLRequest"]
    return etree.fromstring(zlib.decompress(base64.b64decode(value), -15))


def instant(minutes):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def document(groups):
    asked = request()
    sp, acs, asked_id = asked.find(f"{{{SAML}}}Issuer").text, asked.get("AssertionConsumerServiceURL"), asked.get("ID")
    values = "".join(
        f'<saml:AttributeValue xsi:type="xs:string">CN=ward-{n:05},OU=Grüppen,DC=acme</saml:AttributeValue>'
        for n in range(groups)
    )
    return f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant(0)}" Destination="{acs}" InResponseTo="{asked_id}">
  <saml:Issuer>{IDP}</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant(0)}">
    <saml:Issuer>{IDP}</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">nurse-7</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{instant(5)}" Recipient="{acs}" InResponseTo="{asked_id}"/></saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="{instant(-5)}" NotOnOrAfter="{instant(5)}"><saml:AudienceRestriction><saml:Audience>{sp}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
    <saml:AuthnStatement AuthnInstant="{instant(0)}" SessionIndex="_session-1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
    <saml:AttributeStatement>
      <saml:Attribute Name="mail"><saml:AttributeValue xsi:type="xs:string">nurse@acme.example</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="displayName"><saml:AttributeValue xsi:type="xs:string"><![CDATA[Gïven & ]]>&lt;F&#228;mily&#x3e;</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="groups">{values}</saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>""".encode()


KEY = xmlsec.Key.from_file(os.environ["IDP_KEY"], xmlsec.KeyFormat.PEM)
KEY.load_cert_from_file(os.environ["IDP_CERTIFICATE"], xmlsec.KeyFormat.PEM)


def sign(root, target, algorithm, digest):
    signature = xmlsec.template.create(target, xmlsec.Transform.EXCL_C14N, algorithm, ns="ds")
    target.find(f"{{{SAML}}}Issuer").addnext(signature)
    reference = xmlsec.template.add_reference(signature, digest, uri="#" + target.get("ID"))
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = KEY
    context.sign(signature)


def encrypt(assertion, algorithm, bits):
    """Puts an EncryptedAssertion in the assertion's place; the key goes into the EncryptedData."""
    template = xmlsec.template.encrypted_data_create(
        assertion, algorithm, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    key_info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    encrypted_key = xmlsec.template.add_encrypted_key(key_info, xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(encrypted_key)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_file(os.environ["SP_CERTIFICATE"], xmlsec.KeyFormat.CERT_PEM))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, bits, xmlsec.constants.KeyDataTypeSession)
    wrapped = etree.SubElement(assertion.getparent(), f"{{{SAML}}}EncryptedAssertion")
    wrapped.append(context.encrypt_xml(template, assertion))


# By name: the algorithm and the length of its key.
AES = {
    name: (getattr(xmlsec.Transform, name), int(name[3:6]))
    for name in ("AES128", "AES192", "AES256", "AES128_GCM", "AES192_GCM", "AES256_GCM")
}


def answer(file, groups, parts, algorithm=xmlsec.Transform.RSA_SHA256, digest=xmlsec.Transform.SHA256):
    root = etree.fromstring(document(groups), etree.XMLParser(strip_cdata=False, huge_tree=True))
    # One after the other: the response's signature covers what was done to the assertion.
    for part in parts:
        if part in AES:
            encrypt(root.find(f"{{{SAML}}}Assertion"), *AES[part])
            continue
        target = root if part == "response" else root.find(f"{{{SAML}}}Assertion")
        sign(root, target, algorithm, digest)
    # In UTF-8: a character reference inside a CDATA section would be no reference any more.
    open(file, "wb").write(etree.tostring(root, encoding="UTF-8"))


def metadata():
    certificate = "".join(line.strip() for line in open(os.environ["IDP_CERTIFICATE"]) if "---" not in line)
    return f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://xmlsec.idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>"""


if sys.argv[1] == "metadata":
    open("metadata.xml", "w").write(metadata())
else:
    for groups in (3, 50, 500, 5000):
        answer(f"assertion-{groups}.xml", groups, ["assertion"])
        answer(f"response-{groups}.xml", groups, ["response"])
    answer("both-3.xml", 3, ["assertion", "response"])
    answer("sha384-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA384, xmlsec.Transform.SHA384)
    answer("sha512-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA512, xmlsec.Transform.SHA512)
    answer("sha1-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA1, xmlsec.Transform.SHA1)
    for name in AES:
        answer(f"encrypted-{name}.xml", 3, ["assertion", name, "response"])
