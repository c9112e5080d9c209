-- Users who log in at an OpenID provider. Names there may change hands; issuer and subject do not.
CREATE TABLE gomeko_panel_identity (
	issuer     text NOT NULL,
	subject    text NOT NULL,
	name       text NOT NULL UNIQUE, -- of the user
	groups     text NOT NULL,        -- those that the user has from the issuer: a list in JSON
	created_at bigint NOT NULL,
	PRIMARY KEY (issuer, subject)
);
