use super::*;
use axum::http::Request;

const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Of AWS's test suite (`aws-sig-v4-test-suite`, in botocore `tests/unit/auth/aws4_testsuite`): name, request line, headers besides
/// host and date, body, signature.
type Vector = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const VECTORS: [Vector; 7] = [
    ("get-vanilla", "GET /", &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
        "get-vanilla-query-order-key-case",
        "GET /?Param2=value2&Param1=value1",
        &[],
        "",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    // Not in the suite, signed by botocore 1.44: encoded paths and parameters.
    ("encoded", "GET /a%20b/%E1%88%B4/?b=2&a=x%2Fy", &[], "", "811699c50484137f4ecbd0ef3946ec4f0811725a9c9883cafb42908e41d97e17"),
    ("get-slashes", "GET //example//", &[], "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    (
        "get-header-value-trim",
        "GET /",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    ("post-vanilla", "POST /", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "post-x-www-form-urlencoded",
        "POST /",
        &[("content-type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
];

const POST: Vector = VECTORS[5];

fn parts((_, line, headers, _, signature): &Vector) -> Parts {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut all = vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    all.extend_from_slice(headers);
    all.sort_unstable();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    let request = Request::builder().method(method).uri(uri).header("authorization", authorization);
    all.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap().into_parts().0
}

fn is_valid(parts: &Parts, secret: &[u8], body: &str) -> bool {
    Signature::read(&parts.headers).unwrap().is_made_with(secret, parts, Payload::of(body.as_bytes()))
}

#[test]
fn vectors_of_aws() {
    for vector in &VECTORS {
        let (name, body) = (vector.0, vector.3);
        let parts = parts(vector);
        let signature = Signature::read(&parts.headers).unwrap();
        assert_eq!((signature.id, signature.service()), ("AKIDEXAMPLE", "service"));
        assert!(is_valid(&parts, SECRET, body), "{name}: {}", canonical(&parts, signature.signed_headers, Payload::of(body.as_bytes())));
        assert!(!is_valid(&parts, b"another", body), "{name}");
        assert!(!is_valid(&parts, SECRET, "another body"), "{name}");
    }
}

#[test]
fn what_is_signed_cannot_be_changed() {
    for (header, value) in
        [("host", "other.amazonaws.com"), ("x-amz-date", "20150830T123601Z"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    {
        let mut parts = parts(&POST);
        parts.headers.insert(header, value.parse().unwrap());
        assert!(!is_valid(&parts, SECRET, ""), "{header}");
    }
    let mut parts = parts(&POST);
    parts.uri = "/other".parse().unwrap();
    assert!(!is_valid(&parts, SECRET, ""));
}

/// Signed by botocore 1.44 with a session token and without the body: `x-amz-content-sha256: UNSIGNED-PAYLOAD`.
#[test]
fn a_body_may_be_left_out() {
    let mut vector = POST;
    vector.2 = &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("x-amz-security-token", "a/token==")];
    vector.4 = "a9db85e0a57e3537eebf37c247f39ca6e8d18939a0ff7c3bedd0dff1a7c4cc69";
    let parts = parts(&vector);
    assert!(is_valid(&parts, SECRET, "any"));
    assert!(is_valid(&parts, SECRET, "other"));
    assert!(!is_valid(&parts, b"another", "any"));
}

#[tokio::test]
async fn a_body_is_hashed_as_it_is_read() {
    let mut payload = Payload::new(true);
    let body = axum::body::Body::from_stream(futures::stream::iter(["Param1=", "value1"].map(Ok::<_, std::io::Error>)));
    assert_eq!(payload.watch(body).collect().await.unwrap().to_bytes(), "Param1=value1");
    assert_eq!(payload.0.unwrap().finalize(), Payload::of(b"Param1=value1").0.unwrap().finalize());
}

#[test]
fn broken_headers_are_not_signatures() {
    for value in
        ["Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c", "AWS4-HMAC-SHA256 Credential=a/b"]
    {
        let headers = [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
        assert_eq!(Signature::read(&headers), None, "{value}");
    }
    for (text, bytes) in [("a%2Fb", "a/b"), ("%", "%"), ("%2", "%2"), ("%zz%41", "%zzA")] {
        assert_eq!(decoded(text), bytes.as_bytes());
    }
}
