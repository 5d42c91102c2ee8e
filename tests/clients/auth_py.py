"""People sign up, sign in and are administered with the unmodified `supabase` of PyPI."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import struct
import sys
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from supabase import ClientOptions, create_client
from supabase_auth.errors import AuthError, AuthInvalidJwtError, AuthWeakPasswordError

URL = os.environ["LOKI_URL"]
MAILBOX = Path(os.environ["LOKI_MAILBOX"])
PASSWORD, OTHER_PASSWORD = "correct horse 7 battery", "another 8 word"
MAIL_SECONDS_MAX = 10
STEP_SECONDS = 30
# Between two mails of one kind to one address.
MAIL_PAUSE_SECONDS = 1.2

passed, failed, taken = 0, [], set()


def client(key=None, flow="implicit"):
    options = ClientOptions(auto_refresh_token=False, persist_session=False, flow_type=flow)
    return create_client(URL, key or os.environ["LOKI_PUBLISHABLE"], options)


nobody = client()
service = client(os.environ["LOKI_SECRET"])
admin = service.auth.admin


def check(act):
    global passed
    try:
        act()
        passed += 1
    except Exception:  # Everything that goes wrong is a failed check.
        failed.append(act.__name__)
        print(f"not ok - {act.__name__}\n{traceback.format_exc()}")


def same(found, wanted):
    assert found == wanted, f"\nfound  {found!r}\nwanted {wanted!r}"


def refused(act, code=None):
    try:
        answer = act()
    except AuthError as error:
        if code:
            same(error.code, code)
        return error
    raise AssertionError(f"there is no error, but {answer!r}")


def fresh(name="ada"):
    return f"{name}.{secrets.token_hex(6)}@example.com"


def signed_in(email, password=PASSWORD):
    own = client()
    own.auth.sign_in_with_password({"email": email, "password": password})
    return own


def person(**attributes):
    email = attributes.get("email") or fresh()
    made = admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True, **attributes})
    return made.user.id, email, signed_in(email)


def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def alive(own):
    try:
        own.auth.get_user()
        return True
    except AuthError as error:
        same(error.code, "session_not_found")
        return False


def mail(to):
    until = time.monotonic() + MAIL_SECONDS_MAX
    while time.monotonic() < until:
        there = [path for path in MAILBOX.glob("*.json") if path.name not in taken]
        mails = sorted(((json.loads(path.read_text()), path.name) for path in there), key=lambda one: (one[0]["time"], one[1]))
        for sent, name in mails:
            if sent["to"] == to:
                taken.add(name)
                return sent
        time.sleep(0.02)
    raise AssertionError(f"no mail to {to}")


def link(sent):
    return next(one for one in sent["links"] if urlsplit(one).path.endswith("/auth/v1/verify"))


def token_hash(found):
    return parse_qs(urlsplit(found).query)["token"][0]


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        return None


def opened(found):
    """Where a link leads: the query and the fragment."""
    parts = urlsplit(found)
    try:
        urllib.request.build_opener(Stay).open(f"{URL}{parts.path}?{parts.query}")
    except urllib.error.HTTPError as answer:
        assert answer.code in (302, 303), f"{found} gives {answer.code}"
        to = urlsplit(answer.headers["location"])
        return [{name: values[0] for name, values in parse_qs(part).items()} for part in (to.query, to.fragment)]
    raise AssertionError(f"{found} leads nowhere")


def code(secret, steps=0):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // STEP_SECONDS + steps), hashlib.sha1)
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def steady():
    """Returns at a time from which the step of codes lasts for a while."""
    left = STEP_SECONDS - time.time() % STEP_SECONDS
    if left < 6:
        time.sleep(left + 0.05)


@check
def signing_up_by_code():
    email = fresh()
    own = client()
    made = own.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}})
    same((made.session, made.user.email, made.user.user_metadata["name"]), (None, email, "Ada"))
    refused(lambda: own.auth.sign_in_with_password({"email": email, "password": PASSWORD}), "email_not_confirmed")
    answer = own.auth.verify_otp({"email": email, "token": mail(email)["code"], "type": "email"})
    same(answer.session.user.id, made.user.id)
    assert answer.user.email_confirmed_at
    signed_in(email)


@check
def signing_up_by_link():
    email = fresh()
    own = client()
    own.auth.sign_up({"email": email, "password": PASSWORD})
    sent = link(mail(email))
    _query, fragment = opened(sent)
    same(fragment["type"], "signup")
    same(own.auth.set_session(fragment["access_token"], fragment["refresh_token"]).user.email, email)
    same(opened(sent)[1]["error_code"], "otp_expired")


@check
def signing_up_again_by_mail():
    email = fresh()
    nobody.auth.sign_up({"email": email, "password": PASSWORD})
    first = mail(email)
    time.sleep(MAIL_PAUSE_SECONDS)
    nobody.auth.resend({"type": "signup", "email": email})
    second = mail(email)
    own = client()
    refused(lambda: own.auth.verify_otp({"token_hash": token_hash(link(first)), "type": "signup"}), "otp_expired")
    assert own.auth.verify_otp({"token_hash": token_hash(link(second)), "type": "signup"}).session


@check
def what_is_refused():
    try:
        nobody.auth.sign_up({"email": fresh(), "password": "123"})
        raise AssertionError("a weak password is taken")
    except AuthWeakPasswordError as error:
        same(error.reasons, ["length"])
    refused(lambda: nobody.auth.sign_up({"email": "nonsense", "password": PASSWORD}), "validation_failed")
    _id, email, _own = person()
    refused(lambda: nobody.auth.sign_in_with_password({"email": email, "password": "wrong"}), "invalid_credentials")
    refused(lambda: nobody.auth.sign_in_with_password({"email": fresh(), "password": PASSWORD}), "invalid_credentials")
    refused(lambda: nobody.auth.get_user("a.b.c"), "bad_jwt")


@check
def a_session_and_its_user():
    who, email, own = person(user_metadata={"name": "Ada"})
    session = own.auth.get_session()
    said = claims(session.access_token)
    same((said["sub"], said["email"], said["role"], said["aal"]), (who, email, "authenticated", "aal1"))
    assert abs(session.expires_at - time.time() - session.expires_in) < 5
    same(own.auth.get_user().user.user_metadata["name"], "Ada")
    (identity,) = own.auth.get_user_identities().identities
    same((identity.provider, identity.identity_data["email"], identity.user_id), ("email", email, who))


@check
def changing_oneself():
    _who, email, own = person(user_metadata={"town": "Graz"})
    other = signed_in(email)
    same(own.auth.update_user({"data": {"age": 36}}).user.user_metadata["age"], 36)
    same(own.auth.get_user().user.user_metadata["town"], "Graz")
    refused(lambda: own.auth.update_user({"password": PASSWORD}), "same_password")
    own.auth.update_user({"password": OTHER_PASSWORD})
    same((alive(own), alive(other)), (True, False))
    signed_in(email, OTHER_PASSWORD)


@check
def a_new_address_is_confirmed_at_both():
    who, email, own = person()
    new = fresh("lovelace")
    same(own.auth.update_user({"email": new}).user.new_email, new)
    first = own.auth.verify_otp({"email": email, "token": mail(email)["code"], "type": "email_change"})
    same((first.user, first.session), (None, None))
    second = own.auth.verify_otp({"email": new, "token": mail(new)["code"], "type": "email_change"})
    same((second.user.id, second.user.email), (who, new))
    signed_in(new)


@check
def a_nonce_confirms_a_new_password():
    _who, email, own = person()
    own.auth.reauthenticate()
    nonce = mail(email)["code"]
    own.auth.update_user({"password": OTHER_PASSWORD, "nonce": nonce})
    signed_in(email, OTHER_PASSWORD)


@check
def refreshing():
    _who, _email, own = person()
    before = own.auth.get_session()
    after = own.auth.refresh_session().session
    assert before.refresh_token != after.refresh_token
    same(claims(after.access_token)["session_id"], claims(before.access_token)["session_id"])
    # The parent of the active token leads to the active one: an answer may have been lost.
    same(client().auth.refresh_session(before.refresh_token).session.refresh_token, after.refresh_token)
    refused(lambda: client().auth.refresh_session("nonsense"), "refresh_token_not_found")


@check
def signing_out():
    _who, email, one = person()
    two, three = signed_in(email), signed_in(email)
    gone = one.auth.get_session()
    one.auth.sign_out({"scope": "local"})
    same((one.auth.get_session(), alive(two), alive(three)), (None, True, True))
    refused(lambda: client().auth.refresh_session(gone.refresh_token), "refresh_token_not_found")
    two.auth.sign_out({"scope": "others"})
    same((alive(two), alive(three)), (True, False))
    four = signed_in(email)
    two.auth.sign_out()
    same(alive(four), False)


@check
def a_forgotten_password():
    _who, email, _own = person()
    nobody.auth.reset_password_for_email(email)
    own = client()
    own.auth.verify_otp({"email": email, "token": mail(email)["code"], "type": "recovery"})
    own.auth.update_user({"password": OTHER_PASSWORD})
    signed_in(email, OTHER_PASSWORD)


@check
def codes_and_magic_links():
    who, email, _own = person()
    nobody.auth.sign_in_with_otp({"email": email})
    same(client().auth.verify_otp({"email": email, "token": mail(email)["code"], "type": "email"}).user.id, who)
    time.sleep(MAIL_PAUSE_SECONDS)
    nobody.auth.sign_in_with_otp({"email": email})
    own = client()
    _query, fragment = opened(link(mail(email)))
    same(own.auth.set_session(fragment["access_token"], fragment["refresh_token"]).user.id, who)
    new = fresh("new")
    nobody.auth.sign_in_with_otp({"email": new})
    same(client().auth.verify_otp({"token_hash": token_hash(link(mail(new))), "type": "email"}).user.email, new)


@check
def pkce():
    who, email, _own = person()
    own = client(flow="pkce")
    own.auth.sign_in_with_otp({"email": email})
    query, fragment = opened(link(mail(email)))
    same(fragment, {})
    refused(lambda: nobody.auth.exchange_code_for_session({"auth_code": query["code"], "code_verifier": "x" * 64}), "bad_code_verifier")
    time.sleep(MAIL_PAUSE_SECONDS)
    own.auth.sign_in_with_otp({"email": email})
    query, _fragment = opened(link(mail(email)))
    same(own.auth.exchange_code_for_session({"auth_code": query["code"]}).user.id, who)
    refused(lambda: own.auth.exchange_code_for_session({"auth_code": query["code"], "code_verifier": "x" * 64}))


@check
def from_anonymous_to_permanent():
    own = client()
    guest = own.auth.sign_in_anonymously()
    assert guest.user.is_anonymous and claims(guest.session.access_token)["is_anonymous"]
    own.table("todos").insert({"title": "as a guest"}).execute()
    email = fresh("guest")
    own.auth.update_user({"email": email})
    after = own.auth.verify_otp({"email": email, "token": mail(email)["code"], "type": "email_change"})
    same((after.user.id, after.user.is_anonymous), (guest.user.id, False))
    own.auth.update_user({"password": PASSWORD})
    same(signed_in(email).table("todos").select("title").execute().data, [{"title": "as a guest"}])


@check
def second_factors():
    who, email, own = person()
    mfa = own.auth.mfa
    factor = mfa.enroll({"factor_type": "totp", "friendly_name": "phone", "issuer": "Todos"})
    assert factor.totp.qr_code.startswith("data:image/svg+xml;utf-8,<")
    steady()
    challenge = mfa.challenge({"factor_id": factor.id})
    wrong = "000001" if code(factor.totp.secret, -1) == "000000" else "000000"
    answer = {"factor_id": factor.id, "challenge_id": challenge.id}
    refused(lambda: mfa.verify({**answer, "code": wrong}), "mfa_verification_failed")
    mfa.verify({**answer, "code": code(factor.totp.secret, -1)})
    level = mfa.get_authenticator_assurance_level()
    same((level.current_level, level.next_level), ("aal2", "aal2"))
    same(sorted(entry.method for entry in level.current_authentication_methods), ["password", "totp"])
    again = signed_in(email)
    same(again.auth.mfa.get_authenticator_assurance_level().next_level, "aal2")
    refused(lambda: again.auth.mfa.unenroll({"factor_id": factor.id}), "insufficient_aal")
    again.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code(factor.totp.secret, 1)})
    same([one.id for one in again.auth.mfa.list_factors().totp], [factor.id])
    same([one.id for one in admin.mfa.list_factors({"user_id": who})], [factor.id])
    same(again.auth.mfa.unenroll({"factor_id": factor.id}).id, factor.id)
    same(again.auth.mfa.list_factors().all, [])


@check
def administration():
    email = fresh("made")
    made = admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True, "app_metadata": {"team": 7}}).user
    same((made.email, made.app_metadata["team"], made.app_metadata["provider"]), (email, 7, "email"))
    refused(lambda: admin.create_user({"email": email, "password": PASSWORD}), "email_exists")
    same(admin.get_user_by_id(made.id).user.email, email)
    refused(lambda: admin.get_user_by_id("00000000-0000-4000-8000-000000000000"), "user_not_found")
    assert admin.list_users()
    pages = [admin.list_users(page=page, per_page=2) for page in (1, 2)]
    same([len(page) for page in pages], [2, 2])
    same(len({user.id for page in pages for user in page}), 4)
    assert admin.update_user_by_id(made.id, {"ban_duration": "1h"}).user.banned_until
    refused(lambda: signed_in(email), "user_banned")
    admin.update_user_by_id(made.id, {"ban_duration": "none"})
    admin.sign_out(signed_in(email).auth.get_session().access_token)
    admin.delete_user(made.id, should_soft_delete=True)
    refused(lambda: signed_in(email), "invalid_credentials")
    admin.delete_user(made.id)
    refused(lambda: admin.get_user_by_id(made.id), "user_not_found")
    refused(nobody.auth.admin.list_users)


@check
def invitations_and_links():
    invited = fresh("invited")
    same(admin.invite_user_by_email(invited, {"data": {"name": "Guest"}}).user.user_metadata["name"], "Guest")
    assert client().auth.verify_otp({"email": invited, "token": mail(invited)["code"], "type": "invite"}).session
    who, email, _own = person()
    for kind in ("magiclink", "recovery"):
        made = admin.generate_link({"type": kind, "email": email})
        same((made.user.id, made.properties.verification_type), (who, kind))
        answer = client().auth.verify_otp({"token_hash": made.properties.hashed_token, "type": kind})
        same(answer.session.user.id, who)
    made = admin.generate_link({"type": "signup", "email": fresh(), "password": PASSWORD})
    same(opened(made.properties.action_link)[1]["type"], "signup")


@check
def claims_by_the_public_keys():
    who, _email, own = person()
    token = own.auth.get_session().access_token
    answer = nobody.auth.get_claims(token)
    same(answer["claims"]["sub"], who)
    assert answer["headers"]["alg"] in ("ES256", "RS256")
    head, _body, signature = token.split(".")
    forged = json.dumps({**claims(token), "role": "service_role"}).encode()
    other = base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    try:
        nobody.auth.get_claims(f"{head}.{other}.{signature}")
        raise AssertionError("a forged token holds")
    except AuthInvalidJwtError:
        pass


@check
def rows_are_their_owners():
    _ada, _email, ada = person()
    _bob, _other, bob = person(email=fresh("bob"))
    (made,) = ada.table("todos").insert({"title": "of Ada"}).execute().data
    same(ada.table("todos").select("title").execute().data, [{"title": "of Ada"}])
    same(bob.table("todos").select("title").execute().data, [])
    same(bob.table("todos").update({"title": "x"}).eq("id", made["id"]).execute().data, [])
    same(len(service.table("todos").select("title").eq("id", made["id"]).execute().data), 1)


print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
