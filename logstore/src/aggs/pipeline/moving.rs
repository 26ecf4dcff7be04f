//! Functions over a window of numbers: Elasticsearch's `MovingFunctions`, and `moving_avg`, which came before
//! them and is made of the same.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::PipelineKind;
use super::script::Script;
use crate::aggs::request::options::{Options, as_f64};
use crate::error::{ApiError, ApiResult};

/// Reads `moving_avg`.
pub fn average(options: Options<'_>) -> ApiResult<PipelineKind> {
    let settings = options.get("settings");
    let setting = |name: &str, default: f64| {
        settings
            .and_then(|s| s.get(name))
            .and_then(as_f64)
            .unwrap_or(default)
    };
    if options.get("predict").is_some() {
        return Err(ApiError::argument(format!(
            "[predict] of moving_avg [{}] is not supported by this store",
            options.name
        )));
    }
    let source = match options.string("model").as_deref() {
        None | Some("simple") => "MovingFunctions.unweightedAvg(values)".to_owned(),
        Some("linear") => "MovingFunctions.linearWeightedAvg(values)".to_owned(),
        Some("ewma") => format!("MovingFunctions.ewma(values, {:?})", setting("alpha", 0.3)),
        Some("holt") => format!(
            "MovingFunctions.holt(values, {:?}, {:?})",
            setting("alpha", 0.3),
            setting("beta", 0.1)
        ),
        Some(other) => {
            return Err(ApiError::argument(format!(
                "[model] [{other}] of moving_avg [{}] is not supported by this store, known are [simple, linear, ewma, holt]",
                options.name
            )));
        }
    };
    let script = Script::parse(&source, &Map::<String, Value>::new()).map_err(|reason| {
        ApiError::argument(format!("settings of moving_avg [{}]: {reason}", options.name))
    })?;
    Ok(PipelineKind::MovingFunction {
        window: options.positive("window", 5)?,
        shift: 0,
        script: Arc::new(script),
        skip_first: true,
    })
}

/// Calls a function by its name; `None`: there is none.
pub fn call(name: &str, values: &[f64], arguments: &[f64]) -> Option<f64> {
    let known = || values.iter().copied().filter(|value| !value.is_nan());
    let argument = |place: usize| arguments.get(place).copied();
    Some(match name {
        "max" => known().fold(f64::NAN, f64::max),
        "min" => known().fold(f64::NAN, f64::min),
        "sum" => known().sum(),
        "unweightedAvg" => {
            let (sum, count) = known().fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            sum / count
        }
        "linearWeightedAvg" => {
            let (mut sum, mut total, mut weight) = (0.0, 1.0, 1.0);
            for value in known() {
                sum += value * weight;
                total += weight;
                weight += 1.0;
            }
            if weight > 1.0 { sum / total } else { f64::NAN }
        }
        "stdDev" => {
            let mean = argument(0)?;
            let (sum, count) = known().fold((0.0, 0.0), |(sum, count), value| {
                (sum + (value - mean) * (value - mean), count + 1.0)
            });
            (sum / count).sqrt()
        }
        "ewma" => {
            let alpha = argument(0)?;
            known()
                .reduce(|average, value| value * alpha + average * (1.0 - alpha))
                .unwrap_or(f64::NAN)
        }
        "holt" => {
            let (alpha, beta) = (argument(0)?, argument(1)?);
            let mut state: Option<(f64, f64)> = None;
            for value in known() {
                state = Some(match state {
                    None => (value, 0.0),
                    Some((level, trend)) => {
                        let next = alpha * value + (1.0 - alpha) * (level + trend);
                        (next, beta * (next - level) + (1.0 - beta) * trend)
                    }
                });
            }
            state.map_or(f64::NAN, |(level, _)| level)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_compute_what_elasticsearch_documents() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(call("max", &values, &[]), Some(4.0));
        assert_eq!(call("min", &values, &[]), Some(1.0));
        assert_eq!(call("sum", &values, &[]), Some(10.0));
        assert_eq!(call("unweightedAvg", &values, &[]), Some(2.5));
        assert_eq!(call("linearWeightedAvg", &values, &[]), Some(30.0 / 11.0));
        assert_eq!(call("stdDev", &values, &[2.5]), Some(1.25_f64.sqrt()));
        assert_eq!(call("ewma", &values, &[0.5]), Some(3.125));
        assert!(call("max", &[], &[]).is_some_and(f64::is_nan));
        assert_eq!(call("sum", &[], &[]), Some(0.0));
        assert_eq!(call("holtWinters", &values, &[]), None);
    }
}
