"""libxmlsec through Python: a bare signer, for responses of any size and for odd markup."""

import datetime
import os
import uuid

import xmlsec
from lxml import etree

IDP, SP, ACS, REQUEST = (os.environ[name] for name in ("IDP_ENTITY_ID", "SP_ENTITY_ID", "SP_ACS_URL", "REQUEST_ID"))
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


def instant(minutes):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def document(groups):
    values = "".join(
        f'<saml:AttributeValue xsi:type="xs:string">CN=ward-{n:05},OU=Grüppen,DC=acme</saml:AttributeValue>'
        for n in range(groups)
    )
    return f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="{SAML}" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant(0)}" Destination="{ACS}" InResponseTo="{REQUEST}">
  <saml:Issuer>{IDP}</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_{uuid.uuid4().hex}" Version="2.0" IssueInstant="{instant(0)}">
    <saml:Issuer>{IDP}</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">nurse-7</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{instant(5)}" Recipient="{ACS}" InResponseTo="{REQUEST}"/></saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="{instant(-5)}" NotOnOrAfter="{instant(5)}"><saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
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


def answer(file, groups, parts, algorithm=xmlsec.Transform.RSA_SHA256, digest=xmlsec.Transform.SHA256):
    root = etree.fromstring(document(groups), etree.XMLParser(strip_cdata=False, huge_tree=True))
    # The assertion first: the response's signature covers it.
    for part in parts:
        target = root if part == "response" else root.find(f"{{{SAML}}}Assertion")
        sign(root, target, algorithm, digest)
    # In UTF-8: a character reference inside a CDATA section would be no reference any more.
    open(file, "wb").write(etree.tostring(root, encoding="UTF-8"))


certificate = "".join(line.strip() for line in open(os.environ["IDP_CERTIFICATE"]) if "---" not in line)
open("metadata.xml", "w").write(
    f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://xmlsec.idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>"""
)
for groups in (3, 50, 500, 5000):
    answer(f"assertion-{groups}.xml", groups, ["assertion"])
    answer(f"response-{groups}.xml", groups, ["response"])
answer("both-3.xml", 3, ["assertion", "response"])
answer("sha384-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA384, xmlsec.Transform.SHA384)
answer("sha512-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA512, xmlsec.Transform.SHA512)
answer("sha1-3.xml", 3, ["assertion"], xmlsec.Transform.RSA_SHA1, xmlsec.Transform.SHA1)
