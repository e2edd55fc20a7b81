"""Credentials are found where people keep them, and never come out again."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database.sources.credentials import check_url, expand, redact
from rdl.errors import ProjectError

# Long enough not to be a part of the text around it by chance.
_PASSWORDS = st.text(min_size=6).filter(lambda text: text.strip("*").strip() and text not in "postgresql://user:@host/shop")
_SENTENCES = st.text(alphabet=string.ascii_lowercase + " ,.", max_size=20)


def test__expand__variable__value_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOST", "db.example:5433")
    assert expand("postgresql://rdl@${SHOP_HOST}/shop", "rdl.toml") == "postgresql://rdl@db.example:5433/shop"


def test__expand__password_with_reserved_characters__encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "a@b/c?d#e:f%41 ${HOME}")
    expanded = expand("postgresql://rdl:${PW}@host/shop?sslpassword=${PW}", "rdl.toml")
    encoded = quote("a@b/c?d#e:f%41 ${HOME}", safe="")
    assert expanded == f"postgresql://rdl:{encoded}@host/shop?sslpassword={encoded}"
    assert expand(expanded, "rdl.toml") == expanded


def test__expand__whole_url__taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://rdl:p%40ss@host/shop")
    assert expand("${DATABASE_URL}", "rdl.toml") == "postgresql://rdl:p%40ss@host/shop"


def test__expand__user_and_password_in_one__colon_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "rdl:p@ss")
    assert expand("postgresql://${WHO}@host/shop", "rdl.toml") == "postgresql://rdl:p%40ss@host/shop"


def test__expand__missing_variable__names_it_and_not_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ProjectError, match="'NOT_SET' is not set") as caught:
        expand("postgresql://rdl:hunter2@${NOT_SET}/shop", "rdl.toml, [database] source")
    assert "hunter2" not in str(caught.value)
    assert "rdl.toml, [database] source" in str(caught.value)


@given(_PASSWORDS, _SENTENCES, _SENTENCES)
def test__redact__url_with_encoded_password__hides_it(password: str, before: str, after: str) -> None:
    encoded = quote(password, safe="")
    text = redact(f"{before} postgresql://user:{encoded}@host/shop {after}")
    assert f"{before} postgresql://user:***@host/shop {after}" == text


@given(_PASSWORDS.filter(lambda text: not any(c.isspace() for c in text)))
def test__redact__url_with_raw_password__hides_it(password: str) -> None:
    text = redact(f"cannot open postgresql://user:{password}@host/shop now")
    assert text == "cannot open postgresql://user:***@host/shop now"


@given(_PASSWORDS, _SENTENCES)
def test__redact__with_the_url_in_use__hides_the_password_anywhere(password: str, before: str) -> None:
    for written in (password, quote(password, safe="")):
        url = f"postgresql://user:{written}@host/shop"
        for text in (f'{before} token: "{written}"', f"{before}{password}", url):
            assert written not in redact(text, url).replace("***", "")


def test__redact__password_that_is_a_word_of_the_url__not_told_by_what_is_hidden() -> None:
    url = "postgresql://postgres:postgres@h/postgres"
    assert redact(f'{url}: database "postgres" does not exist', url) == (
        'postgresql://postgres:***@h/postgres: database "postgres" does not exist'
    )


@given(_PASSWORDS)
def test__redact__keyword_string__hides_the_password(password: str) -> None:
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    assert redact(f"host=h password='{escaped}' dbname=shop") == "host=h password=*** dbname=shop"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mysql://u:p@h/db?ssl=1&password=x&a=b", "mysql://u:***@h/db?ssl=1&password=***&a=b"),
        ("https://h/x?api_key=abc&access-token=d#top", "https://h/x?api_key=***&access-token=***#top"),
        ("host=h user=u password=hunter2 dbname=d", "host=h user=u password=*** dbname=d"),
        ("{'user': 'u', 'password': 'hunter2'}", "{'user': 'u', 'password': ***}"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("postgresql://u:a@b:c/d@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u@h:5432/db", "postgresql://u@h:5432/db"),
        ('password authentication failed for user "u"', 'password authentication failed for user "u"'),
        ("a table without secrets, 1 = 1", "a table without secrets, 1 = 1"),
    ],
)
def test__redact__what_drivers_write__hides_secrets_and_nothing_else(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text(alphabet="ab:/@?#=%.'\" -", max_size=200))
def test__redact__twice__same(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test__redact__megabytes__in_linear_time() -> None:
    for piece in ("a.", "a", "x://", "password", "'", "a:b@"):
        redact(piece * (300_000 // len(piece)))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/db",
        "postgresql:///db",
        "postgresql://u@h:5432/db",
        "postgresql://u:p%40%2F@h:5432/db?sslmode=require&options=-c%20a%3Db",
        "postgresql://u:p@[::1]:5432/db",
        "postgresql://u:p@h1:1,h2:2/db?target_session_attrs=any",
        "postgresql://u:p@h?dbname=db",
        "postgresql://u:p@/db?host=/var/run/postgresql",
    ],
)
def test__check_url__sound__passes(url: str) -> None:
    check_url(url, "rdl.toml")


@pytest.mark.parametrize("password", ["hunter/2", "hunter?2", "hunter@2", "hunter#2", "hunter%2", "hun ter2"])
def test__check_url__password_not_encoded__refused_without_it(password: str) -> None:
    with pytest.raises(ProjectError, match="holds characters that need encoding") as caught:
        check_url(f"postgresql://u:{password}@h:5432/db", "rdl.toml")
    assert "hunter" not in str(caught.value)
    assert "hun" not in str(caught.value)


def test__check_url__host_forgotten__password_not_taken_for_a_port() -> None:
    with pytest.raises(ProjectError) as caught:
        check_url("postgresql://u:hunter2", "rdl.toml")
    assert "hunter2" not in str(caught.value)
