//! Which object a path names: section 1 of the contract.

/// Bucket and key, or nothing where the path is bad.
pub(crate) fn parse(path: &str, endpoint: Option<&str>) -> Option<(String, String)> {
    let rest = match path.split_once("://") {
        None => path,
        Some(("s3" | "minio", rest)) => rest,
        Some(("http" | "https", rest)) => {
            let (host, rest) = rest.split_once('/')?;
            let ours = endpoint?.rsplit("://").next()?.trim_end_matches('/');
            if !host.eq_ignore_ascii_case(ours) {
                return None;
            }
            rest
        }
        Some(_) => return None,
    };
    if rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return None;
    }
    let (bucket, key) = rest.split_once('/')?;
    Some((bucket.to_owned(), key.to_owned()))
}
