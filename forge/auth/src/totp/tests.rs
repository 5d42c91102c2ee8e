use super::*;

/// The secret of the vectors in RFC 4226, appendix D, and RFC 6238, appendix B.
fn secret() -> Secret {
    Secret::from_bytes(b"12345678901234567890").unwrap()
}

#[test]
fn gives_the_codes_of_rfc_4226() {
    let codes: Vec<String> = (0..10).map(|counter| secret().code(counter)).collect();
    let expected =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    assert_eq!(codes, expected);
}

/// The RFC shows eight digits; six are their tail.
#[test]
fn gives_the_codes_of_rfc_6238() {
    let vectors = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];
    for (time, code) in vectors {
        assert_eq!(secret().code(step(time)), code[2..], "at {time}");
        assert_eq!(secret().verify(&code[2..], time, None), Ok(step(time)));
    }
}

#[test]
fn takes_one_step_on_each_side_and_no_more() {
    let now = 1_800_000_000;
    let current = step(now);
    for (of, is_taken) in [
        (current - 2, false),
        (current - 1, true),
        (current, true),
        (current + 1, true),
        (current + 2, false),
    ] {
        let taken = secret().verify(&secret().code(of), now, None);
        assert_eq!(taken, if is_taken { Ok(of) } else { Err(TotpError::Wrong) });
    }
}

#[test]
fn refuses_a_used_step_and_those_before_it() {
    let now = 1_800_000_000;
    let current = step(now);
    let verify = |of: u64, used: u64| secret().verify(&secret().code(of), now, Some(used));
    assert_eq!(verify(current, current), Err(TotpError::Used));
    assert_eq!(verify(current - 1, current), Err(TotpError::Used));
    assert_eq!(verify(current + 1, current), Ok(current + 1));
    assert_eq!(verify(current, current - 1), Ok(current));
}

#[test]
fn refuses_what_is_no_code() {
    let now = 59;
    for code in ["", "28708", "2870820", " 287082", "28708x", "+87082", "２８７０８２", "287 082"] {
        assert_eq!(secret().verify(code, now, None), Err(TotpError::Wrong), "{code:?}");
    }
    assert_eq!(secret().verify("287082", now, None), Ok(1));
}

#[test]
fn counts_no_steps_before_1970() {
    assert_eq!(step(-1), 0);
    assert_eq!(step(i64::MIN), 0);
    assert_eq!(step(30), 1);
}

/// RFC 4648, section 10, without the padding.
#[test]
fn writes_base32() {
    for (bytes, text) in [
        ("", ""),
        ("f", "MY"),
        ("fo", "MZXQ"),
        ("foo", "MZXW6"),
        ("foob", "MZXW6YQ"),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ] {
        assert_eq!(base32(bytes.as_bytes()), text);
    }
    assert_eq!(secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

#[test]
fn escapes_what_an_app_would_split_at() {
    let address = secret().address("Bäcker & Co", "a:b?secret=X@example.com\r\n");
    assert_eq!(
        address,
        "otpauth://totp/B%C3%A4cker%20%26%20Co:a%3Ab%3Fsecret%3DX%40example.com?algorithm=SHA1&digits=6\
         &issuer=B%C3%A4cker%20%26%20Co&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    );
}

#[test]
fn draws_the_longest_address_and_has_no_hash_sign() {
    let long = "\u{1F600}".repeat(500);
    let address = secret().address(&long, &long);
    let picture = picture(&address).unwrap();
    assert!(picture.contains("<svg"), "{picture}");
    assert!(!picture.contains('#'));
    assert_eq!(super::picture(&"x".repeat(4_000)), Err(TotpError::Picture));
}

#[test]
fn makes_secrets_that_differ_and_do_not_show() {
    let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
    assert_ne!(one, other);
    assert_eq!(format!("{one:?}"), "Secret(..)");
    assert_eq!(Secret::from_bytes(one.as_bytes()), Ok(one));
    assert_eq!(Secret::from_bytes(b"short"), Err(TotpError::Secret));
}
