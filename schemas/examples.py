"""One example of each body, for the API's description. Every one is checked against its schema by a test."""

from typing import Any

Example = dict[str, Any]

_CONTACT_ID = "ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"
_NOTE_ID = "nt_01JD8Y6A9Q4N1D2K8C7B5T3R0F"
_ACTION_ID = "act_01JD8Y7B3S5M6E9H2G4J1K8L0P"
_KEY_ID = "key_01JD8Y4Z7W8X9V6U5T4S3R2Q1P"
_AT = "2026-11-23T09:30:00.123Z"
_LATER = "2026-11-23T09:45:12.000Z"

CONTACT: Example = {
    "contact_id": _CONTACT_ID,
    "_id": _CONTACT_ID,
    "email": "ada@example.com",
    "properties": {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace", "lifecyclestage": "lead"},
    "visitor_ids": ["v_4f7a1c"],
    "associations": {"companies": ["co_01"]},
    "segment_ids": [],
    "creation_source": "api",
    "enrichment_status": "not_enriched",
    "first_seen_at": _AT,
    "last_activity_at": _LATER,
    "created_at": _AT,
    "updated_at": _AT,
    "version": 1,
}
SUMMARY: Example = {
    "contact_id": _CONTACT_ID,
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "company": None,
    "jobtitle": None,
    "lifecyclestage": "lead",
    "last_activity_at": _LATER,
}
EVENT: Example = {
    "event_id": "evt_4f7a1c5d8e2b90a7",
    "_id": "evt_4f7a1c5d8e2b90a7",
    "event": "page_view",
    "source": "tracker",
    "timestamp": _LATER,
    "received_at": _LATER,
    "url": "https://www.example.com/pricing",
    "domain": "www.example.com",
    "data": {"title": "Pricing"},
    "visitor_id": "v_4f7a1c",
    "session_id": "s_1",
    "contact_id": _CONTACT_ID,
}
_PAGE: Example = {"at": _LATER, "value": {"url": "https://www.example.com/pricing", "title": "Pricing"}}
PROFILE: Example = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "company": None,
    "job_title": None,
    "location": None,
    "linkedin_url": None,
    "lifecycle_stage": "lead",
    "sources": ["tracker"],
    "first_seen_at": _LATER,
    "last_seen_at": _LATER,
    "sessions": 1,
    "page_views": 1,
    "device_count": 1,
    "devices": [{"browser": "Chrome Mobile", "os": "Android", "device_type": "mobile", "is_bot": False}],
    "last_page": _PAGE,
    "first_referrer": None,
    "first_utm": None,
    "last_utm": None,
    "conversations": {"gmail": 2},
    "last_message": {"at": _AT, "direction": "inbound", "source": "gmail"},
}
NOTE: Example = {
    "note_id": _NOTE_ID,
    "contact_id": _CONTACT_ID,
    "content": "Called, **keen**.",
    "created_by": _KEY_ID,
    "created_at": _AT,
    "updated_at": _AT,
}
ACTION: Example = {
    "action_id": _ACTION_ID,
    "type": "update_lifecycle_stage",
    "params": {"contact_id": _CONTACT_ID, "lifecycle_stage": "customer", "reason": "Signed."},
    "status": "completed",
    "description": None,
    "reason": "Signed.",
    "identity_id": None,
    "created_by": _KEY_ID,
    "created_at": _AT,
    "completed_at": _AT,
    "before": {"lifecyclestage": "lead"},
    "after": {"lifecyclestage": "customer"},
}
CONVERSATION: Example = {
    "conversation_id": "cv_5d8e2b90a74f7a1c",
    "thread_id": "18c2f0a1b2c3d4e5",
    "source": "gmail",
    "subject": "Your question",
    "snippet": "Thank you, that helps.",
    "state": None,
    "participants": [{"email": "ada@example.com", "name": "Ada Lovelace"}],
    "message_count": 2,
    "first_message_at": _AT,
    "last_message_at": _LATER,
    "last_message_direction": "inbound",
}
EMAIL_THREAD: Example = {
    "thread_id": "18c2f0a1b2c3d4e5",
    "last_message_id": "18c2f0a1b2c3d4e6",
    "subject": "Your question",
    "last_message_at": _LATER,
    "message_count": 2,
    "mailbox": "rep@ours.example",
}
_OK: Example = {"status": "success"}
_PAGINATION: Example = {"page": 1, "limit": 20, "total_pages": 1, "total_items": 1, "next_cursor": None}

ANSWERS: dict[str, Example] = {
    "Success": _OK,
    "AuthStatusAnswer": {
        **_OK,
        "authenticated": True,
        "auth_type": "api_key",
        "key_id": _KEY_ID,
        "scopes": ["contacts:read"],
        "user": {"tenant_id": "acme", "name": "website"},
    },
    "ContactAnswer": {**_OK, "contact": CONTACT},
    "ContactDetailAnswer": {
        **_OK,
        "contact": CONTACT,
        "unified_profile": PROFILE,
        "actions": [ACTION],
        "events": [EVENT],
    },
    "ContactListAnswer": {**_OK, "contacts": [CONTACT], "pagination": _PAGINATION},
    "EventsAnswer": {**_OK, "events": [EVENT]},
    "EventListAnswer": {**_OK, "events": [EVENT], "pagination": _PAGINATION},
    "EventTypesAnswer": {**_OK, "event_types": ["contact_created", "page_view"]},
    "NoteAnswer": {**_OK, "note": NOTE},
    "NotesAnswer": {**_OK, "notes": [NOTE]},
    "ConversationsAnswer": {**_OK, "conversations": [CONVERSATION]},
    "EmailThreadsAnswer": {**_OK, "threads": [EMAIL_THREAD]},
    "ActionAnswer": {**_OK, "action": ACTION},
    "ActionExecutedAnswer": {
        **_OK,
        "action_id": _ACTION_ID,
        "action_summary": "Lifecycle stage changed from lead to customer.",
        "action": ACTION,
    },
    "ActionListAnswer": {**_OK, "actions": [ACTION], "pagination": _PAGINATION},
    "BatchDetailsAnswer": {**_OK, "contacts": [{"contact": CONTACT, "unified_profile": PROFILE}]},
    "BatchActivityAnswer": {**_OK, "activity": [{"contact_id": _CONTACT_ID, "events": [EVENT]}]},
    "IdentifyAnswer": {**_OK, "contact_id": _CONTACT_ID, "contact": CONTACT, "created": False},
    "AcceptedAnswer": {**_OK, "accepted": 1},
    "HealthAnswer": {**_OK, "degraded": ["kafka"]},
}
BODIES: dict[str, Example] = {
    "CreateContact": {
        "email": "ada@example.com",
        "properties": {"firstname": "Ada", "lastname": "Lovelace", "lifecyclestage": "lead"},
        "visitor_id": "v_4f7a1c",
    },
    "UpdateContact": {"properties": {"lifecyclestage": "customer", "phone": None}},
    "WriteNote": {"content": "Called, **keen**."},
    "BatchDetails": {"contact_ids": [_CONTACT_ID]},
    "BatchActivity": {"contact_ids": [_CONTACT_ID], "limit": 5},
    "Identify": {"external_id": "user-42", "anonymous_id": "v_4f7a1c", "traits": {"email": "ada@example.com"}},
    "TrackBody": {
        "events": [
            {
                "event": "page_view",
                "data": {"title": "Pricing", "path": "/pricing", "utmParams": {"utm_source": "news"}},
                "timestamp": _LATER,
                "url": "https://www.example.com/pricing",
                "visitorId": "v_4f7a1c",
                "sessionId": "s_1",
                "referrer": "https://search.example/",
            }
        ]
    },
    "IntercomNotification": {
        "type": "notification_event",
        "topic": "conversation.user.created",
        "id": "notif_4f7a1c",
        "data": {"item": {"type": "conversation", "id": "1201"}},
    },
    "ExecuteActionBody": {"type": "update_lifecycle_stage", "params": ACTION["params"]},
}
PATH_IDS: dict[str, str] = {"contact_id": _CONTACT_ID, "note_id": _NOTE_ID, "action_id": _ACTION_ID, "tenant": "acme"}
