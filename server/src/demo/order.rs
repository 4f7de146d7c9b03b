//! Buying: the longest request of the shop, the one that fails in the most ways, and what the workers do afterwards.

use super::calls::{Http, call, client, consume, grpc, internal, postgres, publish, redis};
use super::drawing::{Address, Drawing, Thrown};
use super::requests::{Visitor, page, through_gateway};
use super::shop::{BAD_CHECKOUT, Service};
use super::value::attribute;

/// An order is placed. Returns where its message was published, unless it failed.
pub fn place(t: &mut Drawing) -> Option<Address> {
    let visitor = Visitor::known(t.random);
    let mut published = None;
    page(t, &visitor, &Http::post("/checkout", "/checkout"), |t| {
        through_gateway(t, &visitor, &Http::post("/api/orders", "/api/orders"), |t| {
            call(t, Service::Checkout, &Http::post("/orders", "/orders"), |t| {
                let (status, message) = checkout(t);
                published = message;
                status
            })
        })
    });
    published
}

/// The confirmation mail, in the trace of its order, under the span that published the order.
fn confirm(t: &mut Drawing) {
    let failing = t.random.chance(0.02);
    consume(t, Service::Mailer, "orders.confirmed", &[], |t| {
        internal(t, "render mail", |t| t.work(7.0));
        let smtp = Http::post("/v3/mail/send", "/v3/mail/send");
        client(t, "api.mail.example", 443, &smtp, |t| {
            t.work(120.0);
            if failing { 0 } else { 202 }
        });
        if failing {
            t.throw(&Thrown {
                kind: "Error",
                message: "connect ETIMEDOUT 203.0.113.25:443".into(),
                frames: &[
                    ("TCPConnectWrap.afterConnect [as oncomplete]", "node:net", 1_637),
                    ("async send", "src/transport.js", 52),
                    ("async onConfirmed", "src/orders.js", 19),
                ],
            });
        }
    });
}

fn checkout(t: &mut Drawing) -> (i64, Option<Address>) {
    let lines = t.random.between(1, 9);
    let total = (t.random.around(48.0, 0.6) * 100.0).round() / 100.0;
    let regressed = t.process(Service::Checkout).version == BAD_CHECKOUT;
    t.set("order.lines", lines as i64);
    t.set("order.total", total);
    let currency = *t.random.pick(&["EUR", "EUR", "EUR", "SEK", "GBP"]);
    t.set("order.currency", currency);
    call(t, Service::Cart, &Http::get("/carts/{id}", "/carts/mine"), |t| {
        redis(t, "HGETALL", "cart:*");
        200
    });
    if regressed {
        // The release that regressed: prices are looked up line by line, and a cart without a voucher throws.
        internal(t, "PriceService.priceLines", |t| {
            for _ in 0..lines * 6 {
                postgres(t, "orders", "SELECT", "price", "SELECT amount, tax FROM price WHERE product_id = ? AND region = ?", 1, 6.5);
            }
        });
        if t.random.chance(0.18) {
            t.throw(&Thrown {
                kind: "java.lang.NullPointerException",
                message: "Cannot invoke \"shop.checkout.Voucher.discount()\" because the return value of \"shop.checkout.Cart.voucher()\" is null".into(),
                frames: &[
                    ("shop.checkout.PriceService.applyVoucher", "PriceService.java", 147),
                    ("shop.checkout.PriceService.priceLines", "PriceService.java", 92),
                    ("shop.checkout.OrderController.place", "OrderController.java", 58),
                    ("org.springframework.web.servlet.DispatcherServlet.doDispatch", "DispatcherServlet.java", 1_089),
                ],
            });
            return (500, None);
        }
    } else {
        let query = "SELECT product_id, amount, tax FROM price WHERE product_id = ANY (?) AND region = ?";
        postgres(t, "orders", "SELECT", "price", query, lines as i64, 3.0);
    }
    let short = t.random.chance(0.015);
    let reserved = grpc(t, Service::Inventory, "shop.Inventory", "Reserve", |t| {
        t.set("order.lines", lines as i64);
        postgres(
            t,
            "inventory",
            "UPDATE",
            "stock",
            "UPDATE stock SET available = available - $2 WHERE sku = $1 AND available >= $2",
            0,
            2.4,
        );
        if short { 9 } else { 0 }
    });
    if reserved != 0 {
        t.event("reservation refused", vec![attribute("grpc.status", "FAILED_PRECONDITION")]);
        return (409, None);
    }
    let paid = pay(t, total);
    if paid != 200 {
        internal(t, "release reservation", |t| t.work(3.0));
        return (paid, None);
    }
    let published = internal(t, "OrderRepository.save", |t| {
        postgres(t, "orders", "BEGIN", "orders", "BEGIN", 0, 0.3);
        postgres(
            t,
            "orders",
            "INSERT",
            "orders",
            "INSERT INTO orders (id, user_id, total, currency, placed_at) VALUES (?, ?, ?, ?, now())",
            0,
            2.1,
        );
        postgres(
            t,
            "orders",
            "INSERT",
            "order_line",
            "INSERT INTO order_line (order_id, product_id, quantity, amount) VALUES (?, ?, ?, ?)",
            0,
            1.9,
        );
        postgres(t, "orders", "COMMIT", "orders", "COMMIT", 0, 4.2);
        publish(t, "orders.placed", 180 + 96 * lines as i64, |_| ())
    });
    publish(t, "orders.confirmed", 140, |t| {
        t.work(35.0);
        confirm(t);
    });
    (201, Some(published))
}

/// The payment: the provider answers 503 now and then, and the client tries again, up to three times.
fn pay(t: &mut Drawing, total: f64) -> i64 {
    let declined = t.random.chance(0.02);
    call(t, Service::Payments, &Http::post("/charges", "/charges"), |t| {
        t.set("payment.amount", total);
        let method = *t.random.pick(&["card", "card", "paypal", "klarna"]);
        t.set("payment.method", method);
        postgres(t, "payments", "INSERT", "charge", "INSERT INTO charge (id, amount, state) VALUES (%s, %s, 'pending')", 0, 1.8);
        let http = Http::post("/v1/payment_intents", "/v1/payment_intents");
        let mut answer = 0;
        for attempt in 0..3 {
            answer = client(t, "api.psp.example", 443, &http, |t| {
                if attempt > 0 {
                    t.set("http.request.resend_count", attempt);
                }
                t.work(if attempt == 0 { 160.0 } else { 240.0 });
                match t.random.unit() {
                    u if u < 0.05 => 503,
                    _ if declined => 402,
                    _ => 200,
                }
            });
            if answer != 503 {
                break;
            }
            t.event("retry", vec![attribute("attempt", attempt + 1), attribute("backoff_ms", 200 << attempt)]);
            t.wait_ms(f64::from(200 << attempt));
        }
        match answer {
            200 => {
                postgres(t, "payments", "UPDATE", "charge", "UPDATE charge SET state = 'captured' WHERE id = %s", 0, 1.5);
                200
            }
            402 => {
                t.exception(&Thrown {
                    kind: "payments.errors.CardDeclined",
                    message: "the issuer declined the card: insufficient_funds".into(),
                    frames: &[("create_intent", "payments/psp.py", 118), ("charge", "payments/views.py", 47)],
                });
                402
            }
            _ => {
                t.throw(&Thrown {
                    kind: "payments.errors.ProviderUnavailable",
                    message: "gave up after 3 attempts: 503 Service Unavailable".into(),
                    frames: &[
                        ("raise_for_status", "vendor/requests/models.py", 1_024),
                        ("create_intent", "payments/psp.py", 104),
                        ("charge", "payments/views.py", 47),
                        ("dispatch_request", "vendor/flask/app.py", 902),
                    ],
                });
                502
            }
        }
    })
}

/// The warehouse worker takes several orders at once: a trace of its own, linked to every order.
pub fn fulfil(t: &mut Drawing, orders: &[Address]) {
    consume(t, Service::Fulfilment, "orders.placed", orders, |t| {
        for (n, order) in orders.iter().enumerate() {
            internal(t, "pick order", |t| {
                t.set("order.position", n as i64);
                t.link(*order, vec![attribute("link.kind", "order")]);
                postgres(t, "warehouse", "SELECT", "shelf", "SELECT shelf, bin FROM shelf WHERE sku = ANY(%s)", 4, 2.8);
                if t.random.chance(0.01) {
                    t.throw(&Thrown {
                        kind: "fulfilment.label.AddressError",
                        message: "no carrier delivers to postcode 'SW1A'".into(),
                        frames: &[
                            ("choose_carrier", "fulfilment/label.py", 77),
                            ("pick", "fulfilment/worker.py", 140),
                            ("on_message", "fulfilment/worker.py", 58),
                        ],
                    });
                    return;
                }
                internal(t, "print label", |t| t.work(14.0));
                postgres(t, "warehouse", "INSERT", "parcel", "INSERT INTO parcel (order_id, carrier, label) VALUES (%s, %s, %s)", 0, 2.2);
            });
        }
    });
}
