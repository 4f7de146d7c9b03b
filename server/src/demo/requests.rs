//! What visitors do: browse, search, fill a cart, log in, look at old orders. Buying is in `order`.

use super::calls::{Http, call, grpc, internal, postgres, redis, serve};
use super::drawing::{Drawing, Thrown};
use super::random::Random;
use super::shop::Service;
use super::value::attribute;

/// A person in front of the shop.
pub struct Visitor {
    /// `None` until logged in.
    pub user: Option<u64>,
    session: u64,
    agent: &'static str,
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36",
];

const PRODUCTS: [&str; 16] = [
    "merino-fingering-sea",
    "merino-fingering-rust",
    "alpaca-cloud-grey",
    "sock-yarn-meadow",
    "linen-lace-natural",
    "bamboo-needles-4mm",
    "circular-needles-60cm",
    "mohair-silk-plum",
    "cotton-dk-lemon",
    "tweed-aran-moss",
    "stitch-markers-brass",
    "crochet-hook-set",
    "superwash-bulky-ink",
    "hand-dyed-aurora",
    "wool-wash-lavender",
    "pattern-ariadne-shawl",
];

const SEARCHES: [&str; 12] = [
    "merino",
    "sock yarn",
    "bamboo needles 4mm",
    "ariadne",
    "lace",
    "superwash bulky",
    "gift",
    "alpaca grey",
    "stitch marker",
    "mohair",
    "*",
    "blue -green",
];

impl Visitor {
    pub fn new(random: &mut Random) -> Visitor {
        Visitor {
            user: random.chance(0.55).then(|| 1_000 + random.below(2_400)),
            session: random.next(),
            agent: AGENTS[random.below(4) as usize],
        }
    }

    /// Somebody logged in.
    pub fn known(random: &mut Random) -> Visitor {
        Visitor { user: Some(1_000 + random.below(2_400)), ..Visitor::new(random) }
    }

    fn describe(&self, t: &mut Drawing) {
        t.set("user_agent.original", self.agent);
        t.set("session.id", format!("{:016x}", self.session));
        t.set("user.logged_in", self.user.is_some());
        if let Some(user) = self.user {
            t.set("user.id", format!("u-{user}"));
        }
    }
}

/// A page of the storefront or a call of the mobile app: everything a visitor does comes in here.
pub fn page(t: &mut Drawing, visitor: &Visitor, at: &Http, inside: impl FnOnce(&mut Drawing) -> i64) -> i64 {
    serve(t, Service::Storefront, at, |t| {
        visitor.describe(t);
        let status = inside(t);
        internal(t, "render", |t| {
            t.set("template", at.route);
            t.work(if status < 400 { 6.0 } else { 1.5 });
        });
        status
    })
}

/// The storefront asks the gateway, which checks the session and passes it on.
pub fn through_gateway(t: &mut Drawing, visitor: &Visitor, http: &Http, inside: impl FnOnce(&mut Drawing) -> i64) -> i64 {
    call(t, Service::Gateway, http, |t| {
        if visitor.user.is_some() {
            redis(t, "GET", "session:*");
        }
        inside(t)
    })
}

/// The start page: three services side by side.
pub fn home(t: &mut Drawing) {
    let visitor = Visitor::new(t.random);
    page(t, &visitor, &Http::get("/", "/"), |t| {
        let variant = *t.random.pick(&["control", "big-pictures"]);
        t.event(
            "feature_flag.evaluation",
            vec![attribute("feature_flag.key", "home-hero"), attribute("feature_flag.result.variant", variant)],
        );
        through_gateway(t, &visitor, &Http::get("/api/home", "/api/home"), |t| {
            t.together(2 + usize::from(visitor.user.is_some()), |t, branch| match branch {
                0 => featured(t),
                1 => recommend(t, visitor.user),
                _ => cart_size(t),
            });
            200
        })
    });
}

fn featured(t: &mut Drawing) {
    call(t, Service::Catalog, &Http::get("/featured", "/featured"), |t| {
        redis(t, "GET", "featured:v3");
        if t.random.chance(0.15) {
            let query = "SELECT p.* FROM product p JOIN featured f ON f.product_id = p.id WHERE f.until > now() ORDER BY f.rank LIMIT 24";
            postgres(t, "catalog", "SELECT", "product", query, 24, 9.0);
            redis(t, "SETEX", "featured:v3");
        }
        200
    });
}

fn cart_size(t: &mut Drawing) {
    call(t, Service::Cart, &Http::get("/carts/{id}/size", "/carts/mine/size"), |t| {
        redis(t, "HLEN", "cart:*");
        200
    });
}

/// Recommendations give up after 250 ms: the caller handles it and shows none.
fn recommend(t: &mut Drawing, user: Option<u64>) {
    let slow = t.random.chance(0.03);
    let status = call(t, Service::Recommendation, &Http::get("/for/<visitor>", format!("/for/{}", user.unwrap_or(0))), |t| {
        redis(t, "ZREVRANGE", "affinity:*");
        internal(t, "score candidates", |t| {
            let candidates = t.random.between(80, 600) as i64;
            t.set("candidates", candidates);
            t.set("model", "covisit-2026-11");
            t.work(4.0 + candidates as f64 / 40.0);
        });
        if slow {
            t.wait_ms(250.0);
            t.exception(&Thrown {
                kind: "concurrent.futures._base.TimeoutError",
                message: "feature store did not answer within 250 ms".into(),
                frames: &[
                    ("result", "vendor/concurrent/futures/_base.py", 458),
                    ("fetch_features", "recommendation/features.py", 61),
                    ("recommend", "recommendation/views.py", 33),
                ],
            });
            return 503;
        }
        200
    });
    if status == 503 {
        t.event("degraded", vec![attribute("reason", "recommendations timed out"), attribute("shown", 0)]);
    }
}

/// A product's page.
pub fn product(t: &mut Drawing) {
    let visitor = Visitor::new(t.random);
    let slug = *t.random.pick(&PRODUCTS);
    let gone = t.random.chance(0.012);
    let path = if gone { "/product/discontinued-tweed".to_owned() } else { format!("/product/{slug}") };
    page(t, &visitor, &Http::get("/product/{slug}", path.clone()), |t| {
        t.set("product.slug", slug);
        through_gateway(t, &visitor, &Http::get("/api/product/{slug}", format!("/api{path}")), |t| {
            let found = call(t, Service::Catalog, &Http::get("/products/{slug}", path), |t| {
                redis(t, "GET", &format!("product:{slug}"));
                if gone || t.random.chance(0.3) {
                    postgres(t, "catalog", "SELECT", "product", "SELECT * FROM product WHERE slug = $1", i64::from(!gone), 1.6);
                }
                if gone { 404 } else { 200 }
            });
            if found == 404 {
                return 404;
            }
            t.together(2, |t, branch| if branch == 0 { stock(t, slug) } else { recommend(t, visitor.user) });
            200
        })
    });
}

fn stock(t: &mut Drawing, slug: &str) {
    grpc(t, Service::Inventory, "shop.Inventory", "GetStock", |t| {
        t.set("product.slug", slug);
        let query = "SELECT warehouse, available FROM stock WHERE sku = $1";
        postgres(t, "inventory", "SELECT", "stock", query, 3, 1.1);
        0
    });
}

/// A search; a lone star or a common word is slow, and the engine's queue is full now and then.
pub fn search(t: &mut Drawing) {
    let visitor = Visitor::new(t.random);
    let words = *t.random.pick(&SEARCHES);
    let query = format!("q={}", words.replace(' ', "+"));
    let http = |route: &'static str| Http { query: query.clone(), ..Http::get(route, route) };
    page(t, &visitor, &http("/search"), |t| {
        through_gateway(t, &visitor, &http("/api/search"), |t| {
            call(t, Service::Search, &http("/query"), |t| {
                t.set("search.query", words);
                internal(t, "QueryParser.parse", |t| t.work(0.2));
                let engine = Http::post("/products/_search", "/products/_search");
                let overloaded = t.random.chance(0.02);
                super::calls::client(t, "opensearch.shop.internal", 9200, &engine, |t| {
                    t.set("db.system.name", "opensearch");
                    t.set("db.operation.name", "search");
                    t.work(match words {
                        "*" => 720.0,
                        "lace" | "gift" => 130.0,
                        _ => 22.0,
                    });
                    if overloaded { 429 } else { 200 }
                });
                if overloaded {
                    t.throw(&Thrown {
                        kind: "org.opensearch.client.ResponseException",
                        message: "rejected execution of search task: queue capacity 1000".into(),
                        frames: &[
                            ("org.opensearch.client.RestClient.convertResponse", "RestClient.java", 376),
                            ("org.opensearch.client.RestClient.performRequest", "RestClient.java", 346),
                            ("shop.search.Engine.search", "Engine.java", 88),
                            ("shop.search.QueryController.query", "QueryController.java", 41),
                        ],
                    });
                    return 503;
                }
                let hits = if words == "*" { 10_000 } else { t.random.below(300) as i64 };
                t.set("search.hits", hits);
                t.set("search.suggestions", vec![format!("{words} yarn"), format!("{words} set")]);
                200
            })
        })
    });
}

/// Something goes into the cart.
pub fn add_to_cart(t: &mut Drawing) {
    let visitor = Visitor::new(t.random);
    let slug = *t.random.pick(&PRODUCTS);
    let quantity = t.random.between(1, 6) as i64;
    page(t, &visitor, &Http::post("/cart/items", "/cart/items"), |t| {
        through_gateway(t, &visitor, &Http::post("/api/cart/items", "/api/cart/items"), |t| {
            call(t, Service::Cart, &Http::post("/carts/{id}/items", "/carts/mine/items"), |t| {
                t.set("product.slug", slug);
                t.set("cart.quantity", quantity);
                stock(t, slug);
                if t.random.chance(0.03) {
                    t.event("out of stock", vec![attribute("product.slug", slug), attribute("wanted", quantity)]);
                    return 409;
                }
                redis(t, "HINCRBY", "cart:*");
                redis(t, "EXPIRE", "cart:*");
                200
            })
        })
    });
}

/// A login; one in eleven has the password wrong.
pub fn login(t: &mut Drawing) {
    let visitor = Visitor::known(t.random);
    let wrong = t.random.chance(0.09);
    page(t, &visitor, &Http::post("/login", "/login"), |t| {
        through_gateway(t, &visitor, &Http::post("/api/login", "/api/login"), |t| {
            call(t, Service::Accounts, &Http::post("/sessions", "/sessions"), |t| {
                postgres(t, "accounts", "SELECT", "account", "SELECT id, password_hash FROM account WHERE email = ?", 1, 1.4);
                internal(t, "Argon2.verify", |t| t.work(85.0));
                if wrong {
                    return 401;
                }
                postgres(t, "accounts", "INSERT", "session", "INSERT INTO session (id, account_id, expires) VALUES (?, ?, ?)", 0, 2.0);
                200
            })
        })
    });
}

/// The wish list reads every product on its own (N+1): the page everybody knows is slow.
pub fn wish_list(t: &mut Drawing) {
    let visitor = Visitor::known(t.random);
    let wishes = t.random.between(25, 140);
    page(t, &visitor, &Http::get("/wishlist", "/wishlist"), |t| {
        through_gateway(t, &visitor, &Http::get("/api/wishlist", "/api/wishlist"), |t| {
            call(t, Service::Catalog, &Http::get("/wishlists/{user}", format!("/wishlists/{}", visitor.user.unwrap_or(0))), |t| {
                postgres(t, "catalog", "SELECT", "wish", "SELECT product_id FROM wish WHERE user_id = $1", wishes as i64, 1.2);
                for _ in 0..wishes {
                    postgres(t, "catalog", "SELECT", "product", "SELECT * FROM product WHERE id = $1", 1, 1.1);
                    t.wait_ms(0.1);
                }
                200
            })
        })
    });
}

/// The mobile app sends its trace context but not its spans: the root is missing.
pub fn mobile_feed(t: &mut Drawing) {
    t.called_by_somebody_unseen();
    let visitor = Visitor::known(t.random);
    serve(t, Service::Gateway, &Http::get("/mobile/v2/feed", "/mobile/v2/feed"), |t| {
        t.set("user_agent.original", "YarnShop/7.2.1 (Android 16; Pixel 10)");
        t.together(2, |t, branch| if branch == 0 { featured(t) } else { recommend(t, visitor.user) });
        200
    });
}

/// A monitoring probe: one in twenty is kept and says so.
pub fn probe(t: &mut Drawing) {
    t.sampled(20);
    serve(t, Service::Gateway, &Http::get("/healthz", "/healthz"), |t| {
        t.set("user_agent.original", "kube-probe/1.34");
        redis(t, "PING", "");
        200
    });
}

/// The sales report: very slow, and cut off by the gateway after 15 s.
pub fn report(t: &mut Drawing) {
    let visitor = Visitor::known(t.random);
    let seconds = t.random.around(6.0, 0.6);
    let http = Http { query: "period=month&group=product".into(), ..Http::get("/admin/reports/sales", "/admin/reports/sales") };
    page(t, &visitor, &http, |t| {
        through_gateway(t, &visitor, &http, |t| {
            let status = call(t, Service::Checkout, &http, |t| {
                internal(t, "SalesReport.build", |t| {
                    let query = "SELECT product_id, date_trunc('month', placed_at), sum(amount) FROM order_line JOIN orders USING (order_id) GROUP BY 1, 2 ORDER BY 3 DESC";
                    postgres(t, "orders", "SELECT", "order_line", query, 48_211, seconds.min(15.0) * 900.0);
                    internal(t, "SalesReport.toCsv", |t| t.work(220.0));
                });
                if seconds < 15.0 { 200 } else { 504 }
            });
            if status == 504 {
                t.event("upstream timeout", vec![attribute("timeout_ms", 15_000)]);
            }
            status
        })
    });
}
