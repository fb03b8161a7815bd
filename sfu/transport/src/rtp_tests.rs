//! What the RTP view reads and the builder writes.

use super::*;

const HEADER: RtpHeader = RtpHeader {
    marker: true,
    payload_type: 96,
    sequence_number: 0x1234,
    timestamp: 0xDECA_FBAD,
    ssrc: 0xCAFE_BABE,
};

fn packet(tail: &[u8], flags: u8) -> Vec<u8> {
    let mut packet = vec![
        0x80 | flags,
        0xE0,
        0x12,
        0x34,
        0xDE,
        0xCA,
        0xFB,
        0xAD,
        0xCA,
        0xFE,
        0xBA,
        0xBE,
    ];
    packet.extend_from_slice(tail);
    packet
}

fn elements(view: &RtpView<'_>) -> Vec<(u8, Vec<u8>)> {
    view.extensions()
        .map(|element| (element.id, element.data.to_vec()))
        .collect()
}

#[test]
fn the_fixed_header_is_read() {
    let bytes = packet(b"payload", 0);
    let view = RtpView::parse(&bytes).unwrap();
    assert!(view.marker());
    assert_eq!(view.payload_type(), 96);
    assert_eq!(view.sequence_number(), 0x1234);
    assert_eq!(view.timestamp(), 0xDECA_FBAD);
    assert_eq!(view.ssrc(), 0xCAFE_BABE);
    assert_eq!(view.payload(), b"payload");
    assert_eq!(view.payload_range(), 12..19);
    assert_eq!(view.extensions().count(), 0);
}

#[test]
fn contributing_sources_shift_the_payload() {
    let bytes = packet(&[0, 0, 0, 1, 0, 0, 0, 2, 9], 2);
    let view = RtpView::parse(&bytes).unwrap();
    assert_eq!(view.header_len(), 20);
    assert_eq!(view.payload(), &[9]);
}

/// RFC 8285 §4.2: the example of one-byte elements with padding between and behind.
#[test]
fn one_byte_elements_are_iterated_over_their_padding() {
    let tail = [
        0xBE, 0xDE, 0, 3, 0x10, 1, 0x21, 2, 3, 0, 0, 0x33, 4, 5, 6, 7, 0xFF,
    ];
    let bytes = packet(&tail, 0x10);
    let view = RtpView::parse(&bytes).unwrap();
    assert_eq!(
        elements(&view),
        [(1, vec![1]), (2, vec![2, 3]), (3, vec![4, 5, 6, 7])]
    );
    assert_eq!(view.extension(2), Some(&[2u8, 3][..]));
    assert_eq!(view.extension(9), None);
    assert_eq!(view.payload(), &[0xFF]);
}

/// RFC 8285 §4.3: two-byte elements may be empty and long.
#[test]
fn two_byte_elements_may_be_empty() {
    let tail = [0x10, 0x05, 0, 3, 1, 0, 2, 1, 0xAA, 0, 3, 4, 1, 2, 3, 4];
    let bytes = packet(&tail, 0x10);
    let view = RtpView::parse(&bytes).unwrap();
    assert_eq!(
        elements(&view),
        [(1, vec![]), (2, vec![0xAA]), (3, vec![1, 2, 3, 4])]
    );
}

#[test]
fn id_15_stops_one_byte_elements_and_a_cut_element_ends_them() {
    let stopped = packet(&[0xBE, 0xDE, 0, 2, 0x10, 1, 0xF0, 9, 0x20, 2, 0, 0], 0x10);
    assert_eq!(elements(&RtpView::parse(&stopped).unwrap()), [(1, vec![1])]);
    let cut = packet(&[0xBE, 0xDE, 0, 1, 0x10, 1, 0x2F, 2], 0x10);
    assert_eq!(elements(&RtpView::parse(&cut).unwrap()), [(1, vec![1])]);
}

#[test]
fn an_unknown_profile_is_skipped_whole() {
    let bytes = packet(&[0x12, 0x34, 0, 1, 0x10, 1, 0, 0, 7], 0x10);
    let view = RtpView::parse(&bytes).unwrap();
    assert_eq!(view.extensions().count(), 0);
    assert_eq!(view.payload(), &[7]);
}

#[test]
fn padding_is_taken_off_and_must_fit() {
    let bytes = packet(&[1, 2, 0, 0, 3], 0x20);
    let view = RtpView::parse(&bytes).unwrap();
    assert_eq!((view.payload(), view.padding_len()), (&[1u8, 2][..], 3));
    assert_eq!(
        RtpView::parse(&packet(&[1, 0], 0x20)).err(),
        Some(RtpError::Padding)
    );
    assert_eq!(
        RtpView::parse(&packet(&[1, 3], 0x20)).err(),
        Some(RtpError::Padding)
    );
    assert_eq!(RtpView::parse(&packet(&[1, 2], 0x20)).unwrap().payload(), b"");
}

#[test]
fn truncations_and_other_versions_are_refused() {
    let bytes = packet(&[0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0], 0x10);
    for len in 0..bytes.len() {
        assert_eq!(
            RtpView::parse(&bytes[..len]).err(),
            Some(RtpError::Truncated),
            "{len}"
        );
    }
    for version in [0x00, 0x40, 0xC0] {
        let mut other = bytes.clone();
        other[0] = version | 0x10;
        assert_eq!(RtpView::parse(&other).err(), Some(RtpError::Version));
    }
}

#[test]
fn what_the_builder_writes_the_view_reads() {
    let long = [7u8; 17];
    let cases: [&[Extension<'_>]; 4] = [
        &[],
        &[
            Extension { id: 1, data: b"0" },
            Extension {
                id: 14,
                data: &[9; 16],
            },
        ],
        &[Extension { id: 3, data: &long }],
        &[
            Extension {
                id: 200,
                data: b"rid",
            },
            Extension { id: 1, data: &[] },
        ],
    ];
    for extensions in cases {
        let mut out = [0xEEu8; 128];
        let len = HEADER.write(extensions, &mut out).unwrap();
        out[len] = 42;
        let view = RtpView::parse(&out[..=len]).unwrap();
        assert_eq!(view.header_len(), len);
        assert_eq!(view.payload(), &[42]);
        assert_eq!(
            (view.ssrc(), view.sequence_number(), view.marker()),
            (0xCAFE_BABE, 0x1234, true)
        );
        assert!(view.extensions().eq(extensions.iter().copied()));
    }
}

#[test]
fn the_builder_refuses_what_cannot_be_carried() {
    let mut out = [0u8; 64];
    assert_eq!(HEADER.write(&[], &mut out[..11]), Err(RtpError::NoRoom));
    assert_eq!(
        HEADER.write(&[Extension { id: 1, data: b"x" }], &mut out[..18]),
        Err(RtpError::NoRoom)
    );
    assert_eq!(
        HEADER.write(&[Extension { id: 0, data: b"x" }], &mut out),
        Err(RtpError::Extension)
    );
    assert_eq!(
        HEADER.write(
            &[Extension {
                id: 1,
                data: &[0; 256]
            }],
            &mut out
        ),
        Err(RtpError::Extension)
    );
}
