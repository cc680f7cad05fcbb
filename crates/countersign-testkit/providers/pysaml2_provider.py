"""pysaml2: a provider of its own, which signs with the program xmlsec1."""

import os

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, saml, xmldsig
from saml2.config import IdPConfig, SPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server

IDP, SP, ACS = (os.environ[name] for name in ("IDP_ENTITY_ID", "SP_ENTITY_ID", "SP_ACS_URL"))
XMLSEC1 = "/usr/bin/xmlsec1"

service_provider = {
    "entityid": SP,
    "xmlsec_binary": XMLSEC1,
    "service": {"sp": {"endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]}}},
}
certificate = os.environ.get("SP_CERTIFICATE")
if certificate:
    service_provider["encryption_keypairs"] = [{"cert_file": certificate, "key_file": os.environ["IDP_KEY"]}]
if "SP_METADATA" in os.environ:
    sp_metadata = os.environ["SP_METADATA"]
else:
    sp_metadata = "sp-metadata.xml"
    open(sp_metadata, "w").write(str(entity_descriptor(SPConfig().load(service_provider))))

config = IdPConfig().load(
    {
        "entityid": IDP,
        "xmlsec_binary": XMLSEC1,
        "key_file": os.environ["IDP_KEY"],
        "cert_file": os.environ["IDP_CERTIFICATE"],
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": [("https://pysaml2.idp.example/sso", BINDING_HTTP_REDIRECT)]},
                "policy": {
                    "default": {
                        "lifetime": {"minutes": 5},
                        "attribute_restrictions": None,
                        "name_form": saml.NAME_FORMAT_UNSPECIFIED,
                    }
                },
            }
        },
        "metadata": {"local": [sp_metadata]},
    }
)
open("metadata.xml", "w").write(str(entity_descriptor(config)))
idp = Server(config=config)


def answer(file, **how):
    response = idp.create_authn_response(
        {"mail": ["nurse@acme.example"], "displayName": ["Gïven & <Fämily>"], "groups": ["ward-7", "night-shift"]},
        os.environ["REQUEST_ID"],
        ACS,
        SP,
        name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text="nurse-7", sp_name_qualifier=SP),
        authn={"class_ref": saml.AUTHN_PASSWORD_PROTECTED, "authn_auth": IDP},
        sign_alg=xmldsig.SIG_RSA_SHA256,
        digest_alg=xmldsig.DIGEST_SHA256,
        **how,
    )
    open(file, "w").write(str(response))


answer("assertion.xml", sign_assertion=True, sign_response=False)
answer("response.xml", sign_assertion=False, sign_response=True)
answer("both.xml", sign_assertion=True, sign_response=True)
if certificate:
    # Triple DES in CBC mode: it can do no other.
    answer("encrypted-3des.xml", sign_assertion=True, sign_response=True, encrypt_assertion=True)
