//! Columnar blocks of spans.
