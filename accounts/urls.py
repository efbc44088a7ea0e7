"""The doors of allauth that are open; sign-up is there to say that it is closed."""

from allauth.account import views
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.db.transaction import atomic
from django.urls import path, re_path

from accounts.views import end_other_sessions, end_session, sessions, sign_in_by_provider

# What changes an account is noted in the transaction of the change.
urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("signup/", views.signup, name="account_signup"),
    path("password/change/", atomic(views.password_change), name="account_change_password"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("sessions/", sessions, name="sessions"),
    path("sessions/<int:pk>/end/", end_session, name="end-session"),
    path("sessions/end-others/", end_other_sessions, name="end-other-sessions"),
    path("second-factor/", mfa.index, name="mfa_index"),
    path("second-factor/code/", mfa.authenticate, name="mfa_authenticate"),
    path("second-factor/confirm/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("second-factor/set-up/", atomic(totp.activate_totp), name="mfa_activate_totp"),
    path("second-factor/remove/", atomic(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/new/",
        atomic(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
]

if settings.PACS_SENDS_MAIL:
    urlpatterns += [
        path("password/reset/", views.password_reset, name="account_reset_password"),
        path("password/reset/sent/", views.password_reset_done, name="account_reset_password_done"),
        re_path(
            r"^password/reset/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[\w-]{1,100})/$",
            atomic(views.password_reset_from_key),
            name="account_reset_password_from_key",
        ),
        path(
            "password/reset/done/",
            views.password_reset_from_key_done,
            name="account_reset_password_from_key_done",
        ),
    ]

single_sign_on = [
    path("sso/<str:provider_id>/", sign_in_by_provider, name="openid_connect_login"),
    path(
        "sso/<str:provider_id>/callback/",
        openid_connect.callback,
        name="openid_connect_callback",
    ),
]
if settings.PACS_OIDC_ISSUER:
    urlpatterns += single_sign_on
