//! What was measured: samples by name, and what surrounds them.

use crate::sample::median;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The samples of figures, and absolute values behind the ratios.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub samples: BTreeMap<String, Vec<f64>>,
    /// Whether what is compared alternated, run by run.
    pub alternated: BTreeMap<String, bool>,
    pub context: BTreeMap<String, Value>,
}

impl Record {
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.context.is_empty()
    }

    /// A figure that stands for itself.
    pub fn put(&mut self, name: &str, samples: Vec<f64>) {
        self.insert(name, samples, false);
    }

    /// A figure that compares two things which alternated.
    pub fn put_alternated(&mut self, name: &str, samples: Vec<f64>) {
        self.insert(name, samples, true);
    }

    fn insert(&mut self, name: &str, samples: Vec<f64>, alternated: bool) {
        self.samples.insert(name.into(), samples);
        self.alternated.insert(name.into(), alternated);
    }

    /// The median of what stands behind a figure.
    pub fn context_median(&mut self, name: &str, samples: &[f64]) {
        self.context(name, median(samples));
    }

    pub fn context(&mut self, name: &str, value: impl Into<Value>) {
        self.context.insert(name.into(), value.into());
    }

    /// What could not be measured, and why: its figures stay absent.
    pub fn fail(&mut self, what: &str, error: &anyhow::Error) {
        eprintln!("suite: {what} failed: {error:#}");
        self.context(&format!("failed_{what}"), format!("{error:#}"));
    }

    pub fn has_failures(&self) -> bool {
        self.context.keys().any(|name| name.starts_with("failed_"))
    }

    pub fn merge(&mut self, other: Record) {
        self.samples.extend(other.samples);
        self.alternated.extend(other.alternated);
        self.context.extend(other.context);
    }

    /// The same, each figure's name ending in the suffix.
    pub fn with_suffix(self, suffix: &str) -> Self {
        let name = |name: String| format!("{name}{suffix}");
        Record {
            samples: self.samples.into_iter().map(|(it, v)| (name(it), v)).collect(),
            alternated: self.alternated.into_iter().map(|(it, v)| (name(it), v)).collect(),
            context: self.context,
        }
    }
}
