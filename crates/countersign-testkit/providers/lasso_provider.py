"""Lasso (libxmlsec, in C): signs Response and Assertion."""

import base64
import datetime
import os
import sys
import warnings

import lasso

warnings.simplefilter("ignore", DeprecationWarning)

IDP = os.environ["IDP_ENTITY_ID"]


def certificate(path):
    return "".join(line.strip() for line in open(path) if "---" not in line)


# Lasso reads metadata and prints none.
IDP_METADATA = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{certificate(os.environ["IDP_CERTIFICATE"])}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://lasso.idp.example/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>"""


def instant(minutes):
    at = datetime.datetime.utcnow() + datetime.timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(name, values):
    made = lasso.Saml2Attribute()
    made.name = name
    made.nameFormat = lasso.SAML2_ATTRIBUTE_NAME_FORMAT_BASIC
    made.attributeValue = tuple(value_of(text) for text in values)
    return made


def value_of(text):
    node = lasso.MiscTextNode.newWithString(text)
    node.textChild = True
    value = lasso.Saml2AttributeValue()
    value.any = (node,)
    return value


def answer():
    server = lasso.Server.newFromBuffers(
        IDP_METADATA, open(os.environ["IDP_KEY"]).read(), None, open(os.environ["IDP_CERTIFICATE"]).read()
    )
    server.signatureMethod = lasso.SIGNATURE_METHOD_RSA_SHA256
    server.addProviderFromBuffer(lasso.PROVIDER_ROLE_SP, open(os.environ["SP_METADATA"]).read(), None, None)

    login = lasso.Login(server)
    # Verifies the signature with the key of the metadata; raises if it does not.
    login.setSignatureVerifyHint(lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE)
    login.processAuthnRequestMsg(os.environ["AUTHN_REQUEST"])
    login.validateRequestMsg(True, True)
    login.buildAssertion(
        lasso.SAML2_AUTHN_CONTEXT_PASSWORD_PROTECTED_TRANSPORT, instant(0), None, instant(-5), instant(5)
    )
    login.assertion.subject.nameId.content = "nurse-7"
    statement = lasso.Saml2AttributeStatement()
    statement.attribute = (
        attribute("mail", ["nurse@acme.example"]),
        attribute("displayName", ["Gïven & <Fämily>"]),
        attribute("groups", ["ward-7", "night-shift"]),
    )
    login.assertion.attributeStatement = (statement,)
    login.buildAuthnResponseMsg()
    open("both.xml", "wb").write(base64.b64decode(login.msgBody))


if sys.argv[1] == "metadata":
    open("metadata.xml", "w").write(IDP_METADATA)
else:
    answer()
