"""pysaml2: a provider of its own, which signs with the program xmlsec1."""

import os
import sys
from urllib.parse import parse_qs

from saml2 import BINDING_HTTP_REDIRECT, saml, xmldsig
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server

IDP = os.environ["IDP_ENTITY_ID"]
CONFIG = {
    "entityid": IDP,
    "xmlsec_binary": "/usr/bin/xmlsec1",
    "key_file": os.environ["IDP_KEY"],
    "cert_file": os.environ["IDP_CERTIFICATE"],
    "service": {
        "idp": {
            "endpoints": {"single_sign_on_service": [("https://pysaml2.idp.example/sso", BINDING_HTTP_REDIRECT)]},
            "want_authn_requests_signed": True,
            "policy": {
                "default": {
                    "lifetime": {"minutes": 5},
                    "attribute_restrictions": None,
                    "name_form": saml.NAME_FORMAT_UNSPECIFIED,
                }
            },
        }
    },
}


def answer():
    idp = Server(config=IdPConfig().load({**CONFIG, "metadata": {"local": [os.environ["SP_METADATA"]]}}))
    query = {name: values[0] for name, values in parse_qs(os.environ["AUTHN_REQUEST"]).items()}
    # Verifies the signature with the key of the metadata; raises if it does not.
    received = idp.parse_authn_request(
        query["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=query.get("RelayState"),
        sigalg=query.get("SigAlg"),
        signature=query.get("Signature"),
    )
    asked = idp.response_args(received.message)

    def write(file, **how):
        response = idp.create_authn_response(
            {"mail": ["nurse@acme.example"], "displayName": ["Gïven & <Fämily>"], "groups": ["ward-7", "night-shift"]},
            asked["in_response_to"],
            asked["destination"],
            asked["sp_entity_id"],
            name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text="nurse-7"),
            authn={"class_ref": saml.AUTHN_PASSWORD_PROTECTED, "authn_auth": IDP},
            sign_alg=xmldsig.SIG_RSA_SHA256,
            digest_alg=xmldsig.DIGEST_SHA256,
            **how,
        )
        open(file, "w").write(str(response))

    write("assertion.xml", sign_assertion=True, sign_response=False)
    write("response.xml", sign_assertion=False, sign_response=True)
    write("both.xml", sign_assertion=True, sign_response=True)
    # Triple DES in CBC mode: it can do no other.
    write("encrypted-3des.xml", sign_assertion=True, sign_response=True, encrypt_assertion=True)


if sys.argv[1] == "metadata":
    open("metadata.xml", "w").write(str(entity_descriptor(IdPConfig().load(CONFIG))))
else:
    answer()
