//! Past attacks on SAML, what excludes each by construction, and the test that shows it.
//!
//! This module holds prose only. Numbers in the middle column are for looking things up: CVE-2024-…
//! is written 2024-…. Tests named in the last column are in this crate's `tests/`, or where a name
//! starts with `dsig:`, beside the code of `countersign-dsig`.
//!
//! | attack | seen as | what excludes it | tests |
//! |---|---|---|---|
//! | Signature wrapping: a genuine signed element is moved, and a forged one takes its place | XSW 1-8; 2016-5697, 2020-15216, 2022-41912, 2024-6800, 2024-45409, 2025-47949, 2025-54419, 2026-25922, 2026-44748 | Claims are read from the digested bytes alone. The signature is a child of the root or of its sole assertion, and its reference leads to its own parent by node identity | `xsw1_original_response_within_the_signature`, `xsw2_original_response_beside_the_signature`, `xsw3_forged_assertion_in_front`, `xsw4_forged_assertion_around`, `xsw5_forged_assertion_with_the_signature`, `xsw6_original_assertion_within_the_signature`, `xsw7_forged_assertion_of_the_same_id_in_extensions`, `xsw7_forged_assertion_of_another_id_in_extensions_is_never_read`, `xsw8_original_assertion_within_an_object`, `wrapping_does_not_get_in_where_the_host_chose_the_signature`, `dsig:a_wrapped_original_does_not_speak_for_its_wrapper` |
//! | Sibling assertions: one is signed, another is read | 2025-46572, 2025-54369 | There is one assertion, or the message is refused; `Advice` is never read | `forged_sibling_behind`, `forged_sibling_of_a_hidden_original`, `original_as_advice_of_a_forgery` |
//! | Parser differentials: two readers of one text | 2025-25291, 2025-25292, 2020-29509 | One parser for everything, which refuses what is not well-formed with namespaces | `malformed_xml`, `an_edited_response_is_refused_or_claims_the_same`, `dsig:bad_names_are_refused`, `dsig:attributes_duplicated_by_expanded_name_are_refused` |
//! | A comment or an instruction cuts a name in two | 2017-11427, 2018-0489, 2018-7340 | Canonical bytes have no comments, and text is never taken piecewise; instructions are refused | `comment_in_name`, `cdata_in_name`, `processing_instruction_in_name`, `dsig:comments_neither_split_nor_enter_text` |
//! | A comment in a digest; several `SignedInfo` | 2025-29774, 2025-29775 | Comments in a signature are refused; a signature has each part once | `dsig:a_comment_in_digest_value_is_refused`, `dsig:several_signed_infos_are_refused` |
//! | Void canonicalization: nothing is digested | 2025-66568, 2025-66475 | A failed canonicalization is an error; canonical bytes start with the element's tag | `dsig:a_failed_canonicalization_is_an_error_and_not_an_empty_digest` |
//! | Two elements of one ID, or IDs of several kinds | 2025-23369 | IDs are unique over `ID`, `Id`, `id` and `xml:id`, or the message is refused | `duplicate_id`, `the_same_id_twice`, `dsig:the_same_id_twice_is_refused` |
//! | Namespace confusion | 2025-66567 | Names are compared with their namespaces, which are resolved once | `not_a_response`, `unknown_condition`, `dsig:a_signature_in_another_namespace_is_none`, `dsig:the_reserved_prefixes_are_guarded` |
//! | No reference, many references, references to elsewhere | 2026-33487 | There is one, `#` and an ID | `dsig:no_reference_and_two_references_are_refused`, `dsig:only_an_id_in_this_document_can_be_referenced` |
//! | Transforms that run code | 2022-47966 | The two that are needed exist, and no others | `dsig:transforms_other_than_the_two_are_refused` |
//! | HMAC keyed with a public key; truncation | 2009-0217 | No HMAC exists; the key's type fixes the family of algorithms | `algorithm_not_allowed`, `dsig:hmac_does_not_exist`, `dsig:the_keys_kind_decides_what_it_verifies` |
//! | The message brings its own key | 2021-21239 | `KeyInfo` is never read | `key_of_the_message_itself`, `dsig:key_info_is_never_a_source_of_keys` |
//! | No signature, or no key to check it with | 2026-28323, 2026-16443 | What is absent is refused; a provider without keys can not be made | `stripped_signature`, `unsigned`, `an_identity_provider_without_keys_is_not_made`, `dsig:an_empty_list_of_keys_verifies_nothing` |
//! | A genuine signature of something else: metadata, a part of the message that does not count | | What is signed must be a `Response` or an `Assertion`, found where it belongs | `signature_of_metadata_does_not_sign_a_login`, `unsigned_is_also_what_lacks_the_signature_that_counts` |
//! | Entities, external and expanding | 2026-28809 | A document type declaration is refused | `doctype_forbidden`, `entity_in_name`, `entity_expansion` |
//! | Size, depth, quadratic work | 2025-25293, 2025-54572 | Limits, each checked before memory is taken | `too_large`, `dsig:each_limit_holds` |
//! | SHA-1, short keys, ECDSA of zeros | 2022-21449 | Refused, the first two unless asked for by an `insecure_` name | `key_too_weak`, `dsig:sha1_is_refused_unless_by_name`, `dsig:ecdsa_zero_signatures_are_refused` |
//! | Audience, recipient, destination or time missing or wrong | | Every rule must hold; what is absent is refused | `audience_mismatch`, `recipient_mismatch`, `destination_mismatch`, `not_on_or_after_missing`, `expired`, `not_yet_valid` |
//! | Mix-up of providers, requests and browsers | 2026-49283, 2026-2603 | One call of [`verify`](crate::verify()) is bound to one provider and one request | `response_of_another_identity_provider`, `answer_to_the_request_of_another_browser`, `in_response_to_mismatch_when_another_provider_was_asked` |
//! | Sign-in forced on another's browser by an unsolicited response | | Refused unless the host expects one by name | `unsolicited_not_allowed`, `in_response_to_unexpected` |
//! | Replay | | No identity comes out before the replay store was asked | `replayed`, `an_assertion_in_another_response_is_the_same_assertion`, `what_the_store_has_forgotten_is_refused_for_its_age` |
//! | Lax base64, trimming, folding of case | | Bytes are compared with bytes | `malformed_base64`, `issuer_with_a_suffix_a_prefix_or_another_case`, `dsig:values_are_canonical_base64` |
//!
//! What an attacker can do to encryption, to the redirect binding and to logout will be listed when
//! countersign has them; today it refuses encrypted parts and reads no other binding.
