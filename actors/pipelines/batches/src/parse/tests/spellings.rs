//! Every row of the contract's table of spellings.

use crate::{
    domain::Post,
    parse::testkit::{items, post},
};

fn with_content(fields: &str) -> Post {
    post(format!(r#"{{"meta":{{"id":"1"}},"content":{{{fields}}}}}"#))
}

fn with_item(fields: &str) -> Post {
    post(format!(r#"{{"meta":{{"id":"1"}},"content":{{}},{fields}}}"#))
}

fn counts(post: &Post) -> [Option<i64>; 5] {
    [
        post.view_count,
        post.like_count,
        post.comment_count,
        post.share_count,
        post.save_count,
    ]
}

#[test]
fn counts_in_content_or_in_interactions_here_and_there() {
    let expected = [Some(1), Some(2), Some(3), Some(4), Some(5)];
    let own = r#""view_count":1,"like_count":"2","comment_count":3.0,"share_count":4,"save_count":5"#;
    let theirs = r#"{"views":1,"likes":2,"comments_count":3,"shares":"4","saves":5e0}"#;
    let posts = [
        with_content(own),
        with_content(&format!(r#""interaction":{theirs}"#)),
        with_content(&format!(r#""interactions":{theirs}"#)),
        with_item(&format!(r#""interaction":{theirs}"#)),
        with_item(&format!(r#""interactions":{theirs}"#)),
    ];
    for post in posts {
        assert_eq!(counts(&post), expected);
        assert_eq!(post.extra, None);
    }
}

#[test]
fn text_duration_and_tags_have_two_names() {
    for post in [
        with_content(r##""description":"d","duration_seconds":45,"tags":["a","#b"]"##),
        with_content(r##""text":"d","duration":"45.0","hashtags":["#a","b"]"##),
        with_content(
            r#""description":null,"text":"d","duration_seconds":"","duration":45,"tags":"NULL","hashtags":["a","b"]"#,
        ),
    ] {
        assert_eq!(post.content_text.as_deref(), Some("d"));
        assert_eq!(post.media_duration, Some(45.0));
        assert_eq!(post.hashtags.as_deref().unwrap(), ["a", "b"]);
        assert_eq!(post.extra, None);
    }
}

#[test]
fn author_values_have_two_names() {
    for author in [
        r#"{"username":"u","display_name":"n","follower_count":5000000000,"verified":true}"#,
        r#"{"username":"u","name":"n","followers":"5000000000","is_verified":"True"}"#,
    ] {
        let items = items(format!(
            r#"{{"meta":{{"id":"1"}},"content":{{}},"author":{author}}}"#
        ));
        let (post, author) = (&items.posts[0], &items.authors[0]);
        assert_eq!(author.display_name.as_deref(), Some("n"));
        assert_eq!(author.follower_count, Some(5_000_000_000));
        assert_eq!(author.verified, Some(true));
        assert_eq!((&author.extra, &post.extra), (&None, &None));
        assert_eq!(post.author_username.as_deref(), Some("u"));
        assert_eq!(post.author_name.as_deref(), Some("n"));
        assert_eq!(post.follower_count, Some(5_000_000_000));
    }
}

#[test]
fn the_author_key_is_username_or_id_or_channel() {
    let key_of = |author: &str| {
        let body = format!(r#"{{"meta":{{"id":"1"}},"content":{{"channel_id":"UC1"}},"author":{author}}}"#);
        let items = items(body);
        let (post, author) = (items.posts[0].clone(), items.authors[0].clone());
        assert_eq!(post.author_key.as_ref(), Some(&author.author_key));
        (author, post.extra.map(|extra| extra.as_str().to_owned()))
    };
    let (author, extra) = key_of(r#"{"username":"u","id":7312345678901234567}"#);
    assert_eq!(author.author_key, "u");
    assert_eq!(author.extra.unwrap().as_str(), r#"{"id":7312345678901234567}"#);
    assert_eq!(extra.as_deref(), Some(r#"{"content":{"channel_id":"UC1"}}"#));
    let (author, _) = key_of(r#"{"username":"NULL","id":7312345678901234567}"#);
    assert_eq!(author.author_key, "7312345678901234567");
    let (author, extra) = key_of("null");
    assert_eq!(author.author_key, "UC1");
    assert_eq!(extra, None);
    let (author, _) = key_of(r#"{"username":{"odd":1},"id":"7"}"#);
    assert_eq!(author.author_key, "7", "what can be no key is passed over");
    assert_eq!(author.extra.unwrap().as_str(), r#"{"username":{"odd":1}}"#);
}

#[test]
fn without_a_key_the_author_is_kept_in_the_post() {
    let items = items(
        r#"{"meta":{"id":"1"},"content":{},"author":{"display_name":"n","followers":9,"bio":"b","verified":"maybe"}}"#,
    );
    assert!(items.authors.is_empty());
    let post = &items.posts[0];
    assert_eq!(post.author_name.as_deref(), Some("n"));
    assert_eq!(post.follower_count, Some(9));
    let extra = post.extra.as_ref().unwrap().as_str();
    assert_eq!(extra, r#"{"author":{"bio":"b","verified":"maybe"}}"#);
}

#[test]
fn comment_values_have_two_names() {
    for comment in [
        r#"{"external_id":"c","author_display_name":"n","like_count":45}"#,
        r#"{"id":"c","author_name":"n","likes":"45"}"#,
    ] {
        let mut items = items(format!(
            r#"{{"meta":{{"id":"1"}},"content":{{}},"comments":[{comment}]}}"#
        ));
        let comment = items.comments.remove(0);
        assert_eq!(comment.comment_id, "c");
        assert_eq!(&*comment.post_id, "1");
        assert_eq!(comment.author_name.as_deref(), Some("n"));
        assert_eq!(comment.like_count, Some(45));
        assert_eq!(comment.extra, None);
    }
}

#[test]
fn error_text_has_two_names() {
    for name in ["fetch_error", "error_message"] {
        let meta = format!(r#""id":"1","{name}":"m""#);
        let post = post(format!(r#"{{"meta":{{{meta}}},"content":{{}}}}"#));
        assert_eq!(post.fetch_error.as_deref(), Some("m"));
        let items = items(format!(r#"{{"meta":{{{meta},"fetch_status":"error"}}}}"#));
        assert_eq!(items.errors[0].error_message.as_deref(), Some("m"));
    }
}

#[test]
fn the_first_spelling_wins_and_another_opinion_is_kept() {
    let post = with_content(
        r#""view_count":1,"like_count":5,"description":"a","text":"b","interaction":{"views":2,"likes":"5"}"#,
    );
    assert_eq!((post.view_count, post.like_count), (Some(1), Some(5)));
    assert_eq!(post.content_text.as_deref(), Some("a"));
    let extra = post.extra.unwrap();
    assert_eq!(
        extra.as_str(),
        r#"{"content":{"text":"b","interaction":{"views":2}}}"#
    );
}
