//! `tallystick partners keygen`: makes the key pair by which a partner signs its assertions. Only the
//! partner gets the private key; the public key goes into its manifest.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::clock;
use crate::ids::PartnerId;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The partner's id, which is its folder's name.
    id: PartnerId,
    #[arg(long, value_enum, default_value_t = Alg::EdDsa)]
    alg: Alg,
    /// The folder for the private key's file: not the folder of partners.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    out: PathBuf,
    /// Add the public key to the partner's manifest at once.
    #[arg(long)]
    add: bool,
}

/// The algorithm of a new key (RFC 8037, RFC 7518).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Alg {
    #[value(name = "EdDSA")]
    EdDsa,
    #[value(name = "ES256")]
    Es256,
}

/// A key pair as its owner holds it.
pub struct KeyPair {
    pub kid: String,
    alg: Alg,
    /// The public members of the JWK (RFC 7517), without kid and alg.
    public: Value,
    /// The private member `d`.
    private: String,
    signing: EncodingKey,
}

/// Makes a key pair, and prints where each half goes.
///
/// # Errors
/// When there is no such partner, or a file cannot be written.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let manifest = settings.partners.join(args.id.as_str()).join("partner.toml");
    if !manifest.is_file() {
        return Err(
            format!("there is no {}: make the partner's folder first", manifest.display()).into()
        );
    }
    let mut tail = [0; 2];
    rand::fill(&mut tail).map_err(|_none| "the system gives no randomness")?;
    let day = clock::now().utc().format("%Y%m%d");
    let kid = format!("{}-{day}-{:04x}", args.id, u16::from_be_bytes(tail));
    let pair = KeyPair::generate(&kid, args.alg)?;
    let private = args.out.join(format!("{kid}.private.jwk.json"));
    write_private(&private, &pair.private_jwk())?;
    println!("Private key, for the partner and nobody else: {}", private.display());
    if args.add {
        let text = fs::read_to_string(&manifest)?;
        fs::write(&manifest, text + &pair.manifest_block())?;
        println!("Public key, added to {}", manifest.display());
    } else {
        println!("Public key, to be pasted at the end of {}:", manifest.display());
    }
    print!("{}", pair.manifest_block());
    Ok(true)
}

fn write_private(path: &Path, jwk: &Value) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    writeln!(file, "{jwk:#}")?;
    Ok(())
}

impl KeyPair {
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate(kid: &str, alg: Alg) -> Result<Self, Failure> {
        let kid = kid.to_owned();
        let random = SystemRandom::new();
        let unspecified = |_| "the system gives no key";
        match alg {
            Alg::EdDsa => {
                let der = Ed25519KeyPair::generate_pkcs8(&random).map_err(unspecified)?;
                let pair = Ed25519KeyPair::from_pkcs8(der.as_ref())?;
                let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
                let seed = pair.seed().map_err(unspecified)?;
                let d = seed.as_be_bytes().map_err(unspecified)?;
                Ok(Self {
                    kid,
                    alg,
                    public: json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
                    private: URL_SAFE_NO_PAD.encode(d.as_ref()),
                    signing: EncodingKey::from_ed_der(der.as_ref()),
                })
            }
            Alg::Es256 => {
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let der = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(unspecified)?;
                let pair = EcdsaKeyPair::from_pkcs8(curve, der.as_ref())?;
                // SEC 1, section 2.3.3: 4, then x and y of 32 bytes each.
                let point = pair.public_key().as_ref();
                let (x, y) = (point.get(1..33), point.get(33..65));
                let coordinate =
                    |part: Option<&[u8]>| URL_SAFE_NO_PAD.encode(part.unwrap_or_default());
                let d = pair.private_key().as_be_bytes().map_err(unspecified)?;
                Ok(Self {
                    kid,
                    alg,
                    public: json!({
                        "kty": "EC", "crv": "P-256", "x": coordinate(x), "y": coordinate(y),
                    }),
                    private: URL_SAFE_NO_PAD.encode(d.as_ref()),
                    signing: EncodingKey::from_ec_der(der.as_ref()),
                })
            }
        }
    }

    /// The lines for the partner's manifest.
    #[must_use]
    pub fn manifest_block(&self) -> String {
        let members = self.public.as_object().into_iter().flatten();
        let members: Vec<String> =
            members.map(|(name, value)| format!("{name} = {value}")).collect();
        format!(
            "\n[[access.keys]]\nkid = \"{}\"\nalg = \"{}\"\njwk = {{ {} }}\n",
            self.kid,
            self.alg.name(),
            members.join(", ")
        )
    }

    /// The whole pair as a JWK, for the partner's own client.
    #[must_use]
    pub fn private_jwk(&self) -> Value {
        let mut jwk = self.public_jwk();
        if let Value::Object(members) = &mut jwk {
            members.insert("d".to_owned(), json!(self.private));
        }
        jwk
    }

    /// The public half as a JWK.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.public.clone();
        if let Value::Object(members) = &mut jwk {
            members.insert("kid".to_owned(), json!(self.kid));
            members.insert("alg".to_owned(), json!(self.alg.name()));
        }
        jwk
    }

    /// Signs a JWT with these claims. `iat`, and an `exp` in five minutes, are added if they are
    /// missing.
    ///
    /// # Errors
    /// jsonwebtoken's.
    pub fn sign(&self, claims: &Value) -> Result<String, Failure> {
        let mut claims = claims.clone();
        let now = clock::now();
        if let Value::Object(claims) = &mut claims {
            let later = now.plus(TimeDelta::minutes(5)).unix_seconds();
            claims.entry("iat").or_insert(json!(now.unix_seconds()));
            claims.entry("exp").or_insert(json!(later));
        }
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.alg.algorithm()) };
        Ok(encode(&header, &claims, &self.signing)?)
    }
}

impl Alg {
    const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }
}
